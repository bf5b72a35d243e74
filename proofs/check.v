(** The checker: a store of tensors, a claim and a proof go in, a verdict comes out.

    The theorem is in checked.v: what is accepted is true. Spec: rules.md#checking; check.py of the other kernel. *)
From Coq Require Import ZArith QArith String List Bool.
From Certify Require Import vectors syntax floats maps plans semantics result graph elaborate reading replay.
From Certify.rules Require Import domain conclude split.
Import ListNotations.
Open Scope bool_scope.

(** Bounds of the parts as (numerator, denominator), and how many leaves there are. *)
Inductive verdict := Accepted (bounds : list (Z * Z)) (leaves : Z) | Rejected (why : string) | Declined (why : string).

(** The size of all inputs of both networks. *)
Definition input_size (g : list node_words) : result nat :=
  match inputs_of g with
  | [] => Reject "interface"
  | n :: rest => _ <- need "interface" (forallb (Nat.eqb n) rest);; Ok n
  end.

(** Everything that is read before any leaf is replayed. *)
Record checked := {
  ck_graph : graph; ck_inputs : nat; ck_outputs : nat; ck_domain : domain; ck_plans : list plan
}.

Fixpoint all_ok {A B} (f : A -> result B) (l : list A) : result (list B) :=
  match l with [] => Ok [] | a :: t => b <- f a;; bs <- all_ok f t;; Ok (b :: bs) end.

Definition read_all (s : store) (c : claim) (p : proof_words) : result checked :=
  gr <- read_graph s c;;
  n_in <- input_size (gr_nodes gr);;
  let n_out := size_at (gr_nodes gr) (gr_out_f gr) in
  _ <- need "interface" (match gr_out_g gr with None => true | Some o => Nat.eqb (size_at (gr_nodes gr) o) n_out end);;
  d <- read_domain s c n_in;;
  _ <- check_quantity s c n_out (parts c);;
  let ct := {| ct_store := s; ct_claim := c; ct_graph := gr;
               ct_decoded := map (decode_node s (gr_nodes gr)) (gr_nodes gr) |} in
  plans <- all_ok (read_plan ct (row_count c n_out)) (pr_plans p);;
  Ok {| ck_graph := gr; ck_inputs := n_in; ck_outputs := n_out; ck_domain := d; ck_plans := plans |}.

(** ** Leaves *)

(** The block whose entries have the sign of a node, or of a difference of two; None: the plan ignores it. *)
Fixpoint pair_block_of (u w i : nat) (l : list block) : option nat :=
  match l with
  | [] => None
  | b :: t =>
      match pair_of b with
      | Some (u', w', None) => if Nat.eqb u u' && Nat.eqb w w' then Some i else pair_block_of u w (S i) t
      | _ => pair_block_of u w (S i) t
      end
  end.

Definition signed_block (p : plan) (s : sign) : option nat :=
  let at_ := bu_at (pl_building p) in
  match sg_other s with
  | None => lookup (sg_node s) at_
  | Some other =>
      match lookup (sg_node s) at_, lookup other at_ with
      | Some u, Some w => pair_block_of u w 0 (pl_blocks p)
      | _, _ => None
      end
  end.

Definition block_signs (p : plan) (signs : list sign) : list (nat * nat * bool) :=
  flat_map (fun s => match signed_block p s with Some b => [(b, sg_entry s, sg_low s)] | None => [] end) signs.

Definition cut_words (c : cut) : nat * option Q * option Q := (cut_entry c, cut_below c, cut_above c).

Definition make_leaf (ck : checked) (part : nat) (p : plan) (cuts : list cut) (signs : list sign) (slot : nat) : leaf :=
  let d := ck_domain ck in
  {| lf_input := fun scale => let '(lo, hi) := part_bounds d part scale in cut_bounds lo hi (map cut_words cuts) scale;
     lf_hull := hull d; lf_ball := part_ball d part; lf_signs := block_signs p signs; lf_slot := slot |}.

(** The bound that a leaf establishes; None: nothing is in it, which only an assumed sign can bring about. *)
Definition check_leaf (c : claim) (ck : checked) (part : nat) (groups : list rows) (cuts : list cut) (signs : list sign)
    (plan slot : nat) : result (option Q) :=
  p <- get "no-such-plan" (nth_error (ck_plans ck) plan);;
  _ <- need "no-such-slot" (slot <? pl_slots p)%nat;;
  found <- replay p (make_leaf ck part p cuts signs slot) groups;;
  match found with
  | None => _ <- need "contradiction" (negb (is_nil signs));; Ok None
  | Some uppers =>
      let '(b, ok) := combine c uppers in
      _ <- need "bound-too-high" ok;;
      Ok (Some b)
  end.

Definition check_part (s : store) (c : claim) (ck : checked) (part : nat) (t : tree) : result (Q * Z) :=
  groups <- quantity_rows s c (ck_outputs ck) (class_of s (cl_quantity c) part);;
  r <- walk (ck_graph ck) (ck_inputs ck) (coordinate (ck_domain ck) part) (check_leaf c ck part groups) t [] [];;
  b <- get "contradiction" (fst r);;
  Ok (b, snd r).

Fixpoint check_parts (s : store) (c : claim) (ck : checked) (part : nat) (ts : list tree) : result (list Q * Z) :=
  match ts with
  | [] => Ok ([], 0%Z)
  | t :: rest =>
      a <- check_part s c ck part t;;
      b <- check_parts s c ck (S part) rest;;
      Ok (fst a :: fst b, (snd a + snd b)%Z)
  end.

Definition judge (s : store) (c : claim) (p : proof_words) : result (list Q * Z) :=
  ck <- read_all s c p;;
  _ <- need "part-order" (Nat.eqb (List.length (pr_parts p)) (parts c));;
  check_parts s c ck 0 (pr_parts p).

Definition check (s : store) (c : claim) (p : proof_words) : verdict :=
  match judge s c p with
  | Ok (bounds, leaves) => Accepted (map (fun q => (Qnum q, Zpos (Qden q))) bounds) leaves
  | Reject why => Rejected why
  | Decline why => Declined why
  end.
