(** What a bundle says, as the front end hands it over: tensors by number, networks, a claim, a proof.

    The front end reads the ASCII words (specs/format.md), hashes, and replaces names by numbers; nothing here has
    been validated beyond that: indices may be out of range, sizes may disagree. Natural numbers are what the format
    bounds by its limits; integers are any. *)
From Coq Require Import ZArith List.
Import ListNotations.

(** ** Tensors *)

Inductive dtype := F2 | F4 | F8 | I4 | I8 | I16 | I32 | I64 | I128.

(** Contents as bytes, 0 to 255, little-endian. Tensors of one type and digest are one tensor of the store. *)
Record tensor := { t_type : dtype; t_count : nat; t_bytes : list Z }.

Definition store := list tensor.

(** ** Networks: format.md#network *)

Record conv_geometry := {
  cv_groups : nat; cv_in : nat; cv_out : nat;
  cv_spatial : list nat; cv_kernel : list nat; cv_strides : list nat;
  cv_begins : list nat; cv_ends : list nat; cv_dilations : list nat
}.

Inductive map_words :=
| WIdentity
| WDense (t : nat)
| WConv (t : nat) (g : conv_geometry)
| WSelect (t : nat) (size_in : nat)
| WScale (lo hi : nat) (repeat : nat).

Record term_words := { tw_source : nat; tw_num : Z; tw_den : Z; tw_map : map_words }.

Inductive node_words :=
| WInput (size : nat) (second : bool)                  (* second: x', an independent point of the domain *)
| WAffine (size : nat) (terms : list term_words) (bias : option nat) (repeat : nat)
| WRelu (size source : nat)
| WFree (size source : nat).

Record network := { nw_nodes : list node_words; nw_output : nat }.

(** ** Claims: format.md#claim *)

(** A rational as it is spelt: numerator and denominator. *)
Definition ratio := (Z * Z)%type.

Inductive norm := Linf | L2 | L1.

Inductive domain_words :=
| WBox (lo hi : nat)
| WBall (n : norm) (centres : nat) (count : nat) (radius : ratio)
| WPoints (centres : nat) (count : nat).

Inductive within_words :=
| WAnywhere
| WWithin (lo hi : ratio)
| WWithinArrays (lo hi : nat).

Inductive on_g := GNone | GOpposite | GTensor (t : nat).

Inductive quantity_words :=
| WValue (n : norm) (modulo : bool)
| WOutput (j : nat)
| WFunctional (t : nat)
| WUpper (t : nat)
| WLeast (f : nat) (g : on_g) (limits : list ratio)
| WMargin (labels : nat)
| WDecision (labels : nat).

Record claim := {
  cl_f : network; cl_g : option network;               (* None: g is zero *)
  cl_domain : domain_words; cl_within : within_words;
  cl_quantity : quantity_words; cl_strict : bool;      (* strict: below; else at-most *)
  cl_threshold : ratio
}.

(** ** Proofs: format.md#proof *)

Inductive net_name := NetF | NetG.

Inductive rows_words := RowsAll | RowsOpen | RowsTensor (t : nat).

Inductive fact_name := FLower | FUpper | FRange | FAbove | FComplement | FSlope | FCrossFine | FCrossCoarse.

Inductive step_words :=
| WNode (n : net_name) (i : nat) (scale : Z)
| WPairDirect (u w : nat) (sigma : option nat) (scale : Z)
| WPairRelu (u w : nat) (sigma : option nat) (scale : Z) (inner : nat)
| WPairAffine (u w : nat) (sigma : option nat) (scale : Z) (expand_u expand_w : bool)
    (matches : list (nat * nat * option nat))
| WBackward (b : nat) (c q : Z) (rows : rows_words)
| WSlopes (b : nat) (p : nat) (t : option nat)
| WMultipliers (b t : nat)
| WCoordinates (b t : nat)
| WFact (k : fact_name) (b t : nat)
| WProduct (k : fact_name) (b entries : nat) (k' : fact_name) (b' entries' : nat) (t : nat)
| WQuadratic (row : nat) (bits factor shift : Z) (t : nat)
| WConclude (c q : Z).

Record plan_words := {
  pw_blocks : nat; pw_forward : Z; pw_constant : Z; pw_slots : nat; pw_steps : list step_words
}.

Inductive tree :=
| Leaf (plan slot : nat)
| Split (i : nat) (at_ scale : Z) (below above : tree)
| Sign (n : net_name) (node i : nat) (below above : tree)
| SignPair (f g i : nat) (below above : tree).

Record proof_words := { pr_plans : list plan_words; pr_parts : list tree }.
