(** Plans: blocks, their relations, and what is true of the values that blocks take.

    A block is a vector of reals in units of 2^-scale. Rules work on one leaf: bounds of every block, and facts about
    all its valuations. Spec: rules.md#blocks. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps.
Import ListNotations.
Open Scope Z_scope.

(** ** What a plan says *)

(** (num / den) M z of block [rt_source], [rt_shift] = scale of the block minus scale of the source. *)
Record rterm := { rt_map : fixedmap; rt_num : Z; rt_den : Z; rt_source : nat; rt_shift : Z }.

(** v = sum of terms + bias, the bias within [lo, hi] 2^-h before scaling. *)
Record relation := { rl_terms : list rterm; rl_bias : option (list Z * list Z * Z) }.

Inductive kind :=
| KInput (second : bool)
| KRelu (source : nat)
| KFree (source : nat)
| KAffine (r : relation)
| KDirect (u w : nat) (sigma : option (list Z))                      (* d = u - S w *)
| KPairRelu (u w : nat) (sigma : option (list Z)) (inner x y : nat)   (* u = relu x, w = relu y, inner = x - S y *)
| KPairAffine (u w : nat) (sigma : option (list Z)) (r : relation).

(** [bk_delta]: scale of a difference minus that of its parts, not negative; 0 for other blocks. *)
Record block := { bk_kind : kind; bk_size : nat; bk_scale : Z; bk_delta : Z }.

Definition no_block : block := {| bk_kind := KFree 0; bk_size := 0; bk_scale := 0; bk_delta := 0 |}.

(** (u, w, sigma) of a difference. *)
Definition pair_of (b : block) : option (nat * nat * option (list Z)) :=
  match bk_kind b with
  | KDirect u w s | KPairRelu u w s _ _ _ | KPairAffine u w s _ => Some (u, w, s)
  | _ => None
  end.

Definition relation_of (b : block) : option relation :=
  match bk_kind b with KAffine r | KPairAffine _ _ _ r => Some r | _ => None end.

(** Integer maps of a relation's terms with [bits] fraction bits, and their sources. *)
Fixpoint prepare (bits : Z) (terms : list rterm) : option (list (intmap * nat)) :=
  match terms with
  | [] => Some []
  | t :: rest =>
      match scaled (rt_map t) (rt_num t) (rt_den t) (rt_shift t + bits), prepare bits rest with
      | Some m, Some ms => Some ((m, rt_source t) :: ms)
      | _, _ => None
      end
  end.

(** For each block its prepared maps; none without a relation. *)
Definition prepared := list (list (intmap * nat)).

Definition prepare_block (bits : Z) (b : block) : option (list (intmap * nat)) :=
  match relation_of b with None => Some [] | Some r => prepare bits (rl_terms r) end.

(** A ball around c in [below, above] with radius r, in units of the input block. *)
Record ball := { bl_norm : norm; bl_below : list Z; bl_above : list Z; bl_radius : Z }.

(** ** What is true of valuations *)

Open Scope R_scope.

Definition fm_means (f : fixedmap) (M : lmap R) : Prop :=
  exists m, within (fm_lo f) (fm_hi f) (map (fun x => x * pow2 (fm_h f)) m) /\ M = instance (fm_pattern f) m.

(** The factor of a term in block units. *)
Definition rt_factor (t : rterm) : R := IZR (rt_num t) / IZR (rt_den t) * pow2 (rt_shift t).

Definition values (vals : list (list R)) (b : nat) : list R := nth b vals [].

Fixpoint terms_at (i : nat) (terms : list rterm) (Ms : list (lmap R)) (at_ : nat -> list R) : R :=
  match terms, Ms with
  | t :: terms', M :: Ms' => rt_factor t * nth i (apply M (at_ (rt_source t))) 0 + terms_at i terms' Ms' at_
  | _, _ => 0
  end.

(** The bias in block units. *)
Definition bias_means (bias : option (list Z * list Z * Z)) (scale : Z) (n : nat) (beta : list R) : Prop :=
  match bias with
  | None => beta = repeat 0 n
  | Some (lo, hi, h) => length beta = n /\ within lo hi (map (fun x => x * pow2 (h - scale)) beta)
  end.

Definition relation_means (r : relation) (scale : Z) (n : nat) (vals : list (list R)) (v : list R) : Prop :=
  exists Ms beta,
    Forall2 (fun t M => fm_means (rt_map t) M /\ (0 < rt_den t)%Z
                        /\ length (apply M (values vals (rt_source t))) = n) (rl_terms r) Ms
    /\ bias_means (rl_bias r) scale n beta
    /\ v = map (fun i => nth i beta 0 + terms_at i (rl_terms r) Ms (values vals)) (seq 0 n).

(** d = (u - S w) 2^delta, and u, S w, d have one length. *)
Definition difference_means (delta : Z) (sigma : option (list Z)) (u w d : list R) : Prop :=
  length u = length d /\ length (gathered sigma w) = length d
  /\ d = map2 (fun a b => (a - b) * pow2 delta) u (gathered sigma w).

Definition norm_le (n : norm) (v : list R) (r : R) : Prop :=
  match n with
  | Linf => Forall (fun x => Rabs x <= r) v
  | L1 => fold_right Rplus 0 (map Rabs v) <= r
  | L2 => 0 <= r /\ fold_right Rplus 0 (map (fun x => x * x) v) <= r * r
  end.

Definition ball_means (b : ball) (v : list R) : Prop :=
  exists c, within (bl_below b) (bl_above b) c /\ length c = length v
            /\ norm_le (bl_norm b) (map2 Rminus v c) (IZR (bl_radius b)).

Definition region_means (region : option ball) (v : list R) : Prop :=
  match region with None => True | Some b => ball_means b v end.

(** Facts of block [b] of a plan under a valuation of its blocks. *)
Definition block_means (region : option ball) (blk : block) (vals : list (list R)) (v : list R) : Prop :=
  length v = bk_size blk /\ (0 <= bk_delta blk)%Z /\
  match bk_kind blk with
  | KInput second => if second then True else region_means region v
  | KRelu s => v = map relu (values vals s)
  | KFree _ => True
  | KAffine r => relation_means r (bk_scale blk) (bk_size blk) vals v
  | KDirect u w sigma => difference_means (bk_delta blk) sigma (values vals u) (values vals w) v
  | KPairRelu u w sigma inner x y =>
      difference_means (bk_delta blk) sigma (values vals u) (values vals w) v
      /\ values vals u = map relu (values vals x) /\ values vals w = map relu (values vals y)
      /\ difference_means (bk_delta blk) sigma (values vals x) (values vals y) (values vals inner)
  | KPairAffine u w sigma r =>
      difference_means (bk_delta blk) sigma (values vals u) (values vals w) v
      /\ relation_means r (bk_scale blk) (bk_size blk) vals v
  end.

(** All blocks of a plan; sources are earlier blocks, so a prefix of a valuation says the same of its blocks. *)
Definition plan_means (region : option ball) (blocks : list block) (vals : list (list R)) : Prop :=
  length vals = length blocks
  /\ forall b, (b < length blocks)%nat -> block_means region (nth b blocks no_block) vals (values vals b).

Definition sources (b : block) : list nat :=
  match bk_kind b with
  | KInput _ => []
  | KRelu s | KFree s => [s]
  | KAffine r => map rt_source (rl_terms r)
  | KDirect u w _ => [u; w]
  | KPairRelu u w _ inner x y => [u; w; inner; x; y]
  | KPairAffine u w _ r => u :: w :: map rt_source (rl_terms r)
  end.

Fixpoint earlier_from (n : nat) (blocks : list block) : bool :=
  match blocks with
  | [] => true
  | b :: t => andb (forallb (fun s => Nat.ltb s n) (sources b)) (earlier_from (S n) t)
  end.
(** Every source is an earlier block. *)
Definition earlier (blocks : list block) : bool := earlier_from 0 blocks.

(** Bounds of the blocks that have been enclosed, the first of the plan. *)
Record bounds := { bd_lo : list (list Z); bd_hi : list (list Z) }.

Definition lows (b : bounds) (i : nat) : list Z := nth i (bd_lo b) [].
Definition highs (b : bounds) (i : nat) : list Z := nth i (bd_hi b) [].

(** They hold of a valuation (of all blocks, of which they cover the first). *)
Definition bounds_hold (b : bounds) (vals : list (list R)) : Prop :=
  length (bd_lo b) = length (bd_hi b) /\ (length (bd_lo b) <= length vals)%nat
  /\ forall i, (i < length (bd_lo b))%nat -> within (lows b i) (highs b i) (values vals i).

(** ** Hints of one functional *)

(** Slopes (P, T) of relu (T empty) and pair-relu blocks, and multipliers. *)
Record hints := { hn_slopes : list (nat * (list Z * list Z)); hn_multipliers : list (nat * list Z) }.
Definition no_hints : hints := {| hn_slopes := []; hn_multipliers := [] |}.

Fixpoint lookup {A} (b : nat) (l : list (nat * A)) : option A :=
  match l with [] => None | (k, a) :: t => if Nat.eqb k b then Some a else lookup b t end.
