(** What a claim means: networks, domains and quantities over the real numbers. specs/semantics.md, in Rocq.

    Nothing here is computed by the checker. This file, with [instance] of maps.v and [real_of_bits] of floats.v, is
    what a reader has to agree with; the top theorem of check.v speaks of [claim_holds]. *)
From Coq Require Import ZArith Reals List.
From Flocq Require Import Core.
From Certify Require Import vectors syntax floats maps plans.
Import ListNotations.
Open Scope R_scope.

Definition no_tensor : tensor := {| t_type := I4; t_count := 0; t_bytes := [] |}.
Definition tensor_at (s : store) (t : nat) : tensor := nth t s no_tensor.

(** Entries as the reals that IEEE says they are; as integers. *)
Definition reals_at (s : store) (t : nat) : list R := reals (tensor_at s t).
Definition integers_at (s : store) (t : nat) : list Z :=
  match integers (tensor_at s t) with Some l => l | None => [] end.

Definition ratio_value (r : ratio) : R := IZR (fst r) / IZR (snd r).

(** ** Networks *)

(** The constants that `scale` maps stand for: one vector for each pair of tensors. *)
Definition symbols := nat -> nat -> list R.

Definition map_value (s : store) (syms : symbols) (n_in n_out : nat) (m : map_words) : lmap R :=
  match m with
  | WIdentity => instance (PDiag 1) (repeat 1 n_in)
  | WDense t => instance (PDense n_out n_in) (reals_at s t)
  | WConv t g => instance (PConv g) (reals_at s t)
  | WSelect t n => instance (PSelect (integers_at s t) n) [1]
  | WScale lo hi r => instance (PDiag r) (if Nat.eqb lo hi then reals_at s lo else syms lo hi)
  end.

Definition bias_value (s : store) (n : nat) (bias : option nat) (times : nat) : list R :=
  match bias with None => repeat 0 n | Some t => flat_map (fun b => repeat b times) (reals_at s t) end.

Fixpoint sum_terms (s : store) (syms : symbols) (n : nat) (vals : list (list R)) (j : nat) (terms : list term_words) : R :=
  match terms with
  | [] => 0
  | t :: rest =>
      let u := nth (tw_source t) vals [] in
      IZR (tw_num t) / IZR (tw_den t) * nth j (apply (map_value s syms (length u) n (tw_map t)) u) 0
      + sum_terms s syms n vals j rest
  end.

(** The value of node [i] after those before it; [free i] is what a free node chose. *)
Definition node_value (s : store) (syms : symbols) (x x' : list R) (free : nat -> list R)
    (vals : list (list R)) (n : node_words) : list R :=
  match n with
  | WInput _ second => if second then x' else x
  | WAffine size terms bias times =>
      map (fun j => nth j (bias_value s size bias times) 0 + sum_terms s syms size vals j terms) (seq 0 size)
  | WRelu _ u => map relu (nth u vals [])
  | WFree _ _ => free (length vals)
  end.

Fixpoint evaluate (s : store) (syms : symbols) (x x' : list R) (free : nat -> list R)
    (vals : list (list R)) (nodes : list node_words) : list (list R) :=
  match nodes with
  | [] => vals
  | n :: rest => evaluate s syms x x' free (vals ++ [node_value s syms x x' free vals n]) rest
  end.

Definition node_values s syms x x' free (net : network) : list (list R) := evaluate s syms x x' free [] (nw_nodes net).

Definition output s syms x x' free (net : network) : list R := nth (nw_output net) (node_values s syms x x' free net) [].

(** Pairs of tensors of the `scale` maps of a network. *)
Definition scale_pairs (net : network) : list (nat * nat) :=
  flat_map (fun n => match n with
    | WAffine _ terms _ _ => flat_map (fun t => match tw_map t with WScale lo hi _ => [(lo, hi)] | _ => [] end) terms
    | _ => [] end) (nw_nodes net).

(** Each symbol lies between its tensors, entry by entry. *)
Definition symbols_ok (s : store) (syms : symbols) (nets : list network) : Prop :=
  forall net lo hi, In net nets -> In (lo, hi) (scale_pairs net) ->
    Forall2 Rle (reals_at s lo) (syms lo hi) /\ Forall2 Rle (syms lo hi) (reals_at s hi).

(** Each coordinate of a free node is one that its source reaches at some x' of the domain. *)
Definition free_ok s syms (domain : list R -> Prop) (net : network) (free : nat -> list R) : Prop :=
  forall i size u, nth_error (nw_nodes net) i = Some (WFree size u) ->
    length (free i) = size /\
    forall k, (k < size)%nat -> exists x', domain x' /\
      nth k (free i) 0 = nth k (nth u (node_values s syms x' x' free net) []) 0.

(** ** Domains *)

Definition parts (c : claim) : nat :=
  match cl_domain c with WBox _ _ => 1 | WBall _ _ n _ | WPoints _ n => n end.

(** Row [k] of [count] rows. *)
Definition row_of {A} (count k : nat) (l : list A) : list A := nth k (chunk count (length l / count) l) [].

Definition between (lo hi x : list R) : Prop := Forall2 Rle lo x /\ Forall2 Rle x hi.

Definition in_part (s : store) (c : claim) (k : nat) (x : list R) : Prop :=
  match cl_domain c with
  | WBox lo hi => between (reals_at s lo) (reals_at s hi) x
  | WBall n t count r =>
      let centre := row_of count k (reals_at s t) in
      length x = length centre /\ norm_le n (map2 Rminus x centre) (ratio_value r)
  | WPoints t count => x = row_of count k (reals_at s t)
  end /\
  match cl_within c with
  | WAnywhere => True
  | WWithin a b => Forall (fun v => ratio_value a <= v <= ratio_value b) x
  | WWithinArrays lo hi => between (reals_at s lo) (reals_at s hi) x
  end.

Definition in_domain (s : store) (c : claim) (x : list R) : Prop := exists k, (k < parts c)%nat /\ in_part s c k x.

(** ** Quantities *)

Definition sum (l : list R) : R := fold_right Rplus 0 l.

Definition minus_mean (d : list R) : list R := map (fun v => v - sum d / INR (length d)) d.

(** [below v t] is v <= t or v < t, as the claim says; [class] belongs to the part. *)
Definition quantity_holds (s : store) (q : quantity_words) (below : R -> R -> Prop) (class : Z)
    (f g : list R) (t : R) : Prop :=
  let d := map2 Rminus f g in
  let row k a := nth k (chunk (length a / length f) (length f) a) [] in
  match q with
  | WValue n modulo =>
      let e := if modulo then minus_mean d else d in
      match n with
      | Linf => forall j, (j < length e)%nat -> below (Rabs (nth j e 0)) t
      | L1 => below (sum (map Rabs e)) t
      | L2 => below (sqrt (sum (map (fun v => v * v) e))) t
      end
  | WOutput j => below (Rabs (nth j d 0)) t
  | WFunctional a => below (Rabs (dotR (reals_at s a) d)) t
  | WUpper a => below (dotR (reals_at s a) d) t
  | WLeast a b limits =>
      exists k, (k < length limits)%nat /\
        let on_f := row k (reals_at s a) in
        let on_g := match b with
                    | GNone => [] | GOpposite => map Ropp on_f | GTensor u => row k (reals_at s u) end in
        below (dotR on_f f + dotR on_g g - ratio_value (nth k limits (0, 1)%Z)) t
  | WMargin _ => forall j, (j < length f)%nat -> Z.of_nat j <> class ->
        below ((nth j f 0 - nthz 0 f class) - (nth j g 0 - nthz 0 g class)) t
  | WDecision _ => forall j, (j < length f)%nat -> Z.of_nat j <> class ->
        below (nth j f 0 - nthz 0 f class) t /\ below (nth j g 0 - nthz 0 g class) t
  end.

Definition class_of (s : store) (q : quantity_words) (k : nat) : Z :=
  match q with WMargin l | WDecision l => nth k (integers_at s l) (-1)%Z | _ => 0%Z end.

(** ** The claim *)

Definition networks (c : claim) : list network := cl_f c :: match cl_g c with Some g => [g] | None => [] end.

Definition below_of (c : claim) : R -> R -> Prop := if cl_strict c then Rlt else Rle.

Definition claim_holds (s : store) (c : claim) : Prop :=
  forall syms, symbols_ok s syms (networks c) ->
  forall k x x', (k < parts c)%nat -> in_part s c k x -> in_domain s c x' ->
  forall free_f free_g, free_ok s syms (in_domain s c) (cl_f c) free_f ->
  (forall g, cl_g c = Some g -> free_ok s syms (in_domain s c) g free_g) ->
  let f := output s syms x x' free_f (cl_f c) in
  let g := match cl_g c with Some n => output s syms x x' free_g n | None => repeat 0 (length f) end in
  quantity_holds s (cl_quantity c) (below_of c) (class_of s (cl_quantity c) k) f g (ratio_value (cl_threshold c)).
