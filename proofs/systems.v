(** Linear systems x+ = A x + B u or x' = A x + B u, y = C x + D u as exact matrices, and the difference of two under
    one input. What kind *gain* speaks of, as it is computed with. *)
From Coq Require Import ZArith Reals Lia Lra Bool.
From Certify Require Import vectors exact forms dissipation growth.
From Certify.statements Require lipschitz difference_gain.
Open Scope Z_scope.

Record system := { s_a : matrix; s_b : matrix; s_c : matrix; s_d : matrix }.

Definition sized (m : matrix) (rows columns : nat) : bool := ((m_rows m =? rows) && (m_columns m =? columns))%nat.

Definition agree (q : system) : bool :=
  let n := m_rows (s_a q) in
  sized (s_a q) n n && sized (s_b q) n (m_columns (s_b q)) && sized (s_c q) (m_rows (s_c q)) n
  && sized (s_d q) (m_rows (s_c q)) (m_columns (s_b q)).

(** The first less the second, under one input. *)
Definition difference (p q : system) : system :=
  {| s_a := difference_gain.blocks (s_a p) (s_a q); s_b := m_above (s_b p) (s_b q);
     s_c := m_beside (s_c p) (m_opp (s_c q)); s_d := m_sub (s_d p) (s_d q) |}.

(** ** What they are *)

Open Scope R_scope.

Lemma sized_ok m r c : sized m r c = true -> m_rows m = r /\ m_columns m = c.
Proof. intros H. apply andb_prop in H. destruct H as [A B]. apply Nat.eqb_eq in A, B. auto. Qed.

Definition well_shaped (q : system) (n m p : nat) : Prop :=
  shaped (s_a q) n n /\ shaped (s_b q) n m /\ shaped (s_c q) p n /\ shaped (s_d q) p m.

Definition next_of (q : system) (n m : nat) (z w : nat -> R) (i : nat) : R :=
  map_of n (value (s_a q)) z i + map_of m (value (s_b q)) w i.
Definition output_of (q : system) (n m : nat) (z w : nat -> R) (i : nat) : R :=
  map_of n (value (s_c q)) z i + map_of m (value (s_d q)) w i.

(** Two systems are one. *)
Lemma well_shaped_difference q q' n n' m p : well_shaped q n m p -> well_shaped q' n' m p ->
  well_shaped (difference q q') (n + n') m p.
Proof.
  intros (A & B & C & D) (A' & B' & C' & D').
  assert (P := difference_gain.positive_sizes _ (proj1 A)). assert (P' := difference_gain.positive_sizes _ (proj1 A')).
  destruct A as (Fa & Ra & Ca), A' as (Fa' & Ra' & Ca'). rewrite Ra, Ca in P. rewrite Ra', Ca' in P'.
  split; [|split; [|split]].
  - cbn [difference s_a]. unfold difference_gain.blocks. rewrite Ra, Ca, Ra', Ca'. apply shaped_above.
    + apply shaped_beside; [split; auto | apply shaped_zero; apply P || apply P'].
    + apply shaped_beside; [apply shaped_zero; apply P || apply P' | split; auto].
  - apply shaped_above; assumption.
  - apply shaped_beside; [exact C | apply shaped_opp; exact C'].
  - apply shaped_sub; assumption.
Qed.

Lemma next_difference q q' n n' m p z h w i : well_shaped q n m p -> well_shaped q' n' m p ->
  next_of (difference q q') (n + n') m (lipschitz.both n z h) w i
  = lipschitz.both n (next_of q n m z w) (next_of q' n' m h w) i.
Proof.
  intros S S'. destruct (well_shaped_difference q q' n n' m p S S') as (Sa & Sb & _).
  destruct S as (A & B & _), S' as (A' & B' & _). unfold next_of.
  rewrite <- (grown_is _ _ _ _ i Sa), <- (grown_is _ _ _ _ i Sb). cbn [difference s_a s_b].
  assert (Ca : m_columns (s_a q) = n) by apply A. rewrite <- Ca at 1.
  rewrite difference_gain.grown_blocks by (apply A || apply A').
  rewrite difference_gain.grown_above
    by (apply B || apply B' || (destruct B as (_ & _ & ->), B' as (_ & _ & ->); reflexivity)).
  assert (Ra : m_rows (s_a q) = n) by apply A. assert (Rb : m_rows (s_b q) = n) by apply B. rewrite Ra, Rb.
  rewrite (grown_is _ _ _ z i A), (grown_is _ _ _ h _ A'), (grown_is _ _ _ w i B), (grown_is _ _ _ w _ B').
  unfold lipschitz.both. destruct (Nat.ltb i n); reflexivity.
Qed.

Lemma output_difference q q' n n' m p z h w i : well_shaped q n m p -> well_shaped q' n' m p ->
  output_of (difference q q') (n + n') m (lipschitz.both n z h) w i = output_of q n m z w i - output_of q' n' m h w i.
Proof.
  intros S S'. destruct (well_shaped_difference q q' n n' m p S S') as (_ & _ & Sc & _).
  destruct S as (_ & _ & C & D), S' as (_ & _ & C' & D'). unfold output_of.
  rewrite <- (grown_is _ _ _ _ i Sc). cbn [difference s_c s_d].
  assert (Cc : m_columns (s_c q) = n) by apply C. rewrite <- Cc at 1.
  rewrite difference_gain.grown_beside
    by (apply C || (apply formed_opp, C') ||
        (cbn [m_opp m_rows]; destruct C as (_ & -> & _), C' as (_ & -> & _); reflexivity)).
  rewrite (grown_is _ _ _ z i C), (grown_is _ _ _ h i (shaped_opp _ _ _ C')).
  unfold map_of. rewrite (sum_ext m (fun j => value (m_sub (s_d q) (s_d q')) i j * w j)
    (fun j => value (s_d q) i j * w j + - (value (s_d q') i j * w j)))
    by (intros j _; rewrite value_sub by (apply D || apply D'); ring).
  rewrite (sum_ext n' (fun j => value (m_opp (s_c q')) i j * h j) (fun j => - (value (s_c q') i j * h j)))
    by (intros j _; rewrite value_opp; ring).
  rewrite sum_add, !sum_opp. ring.
Qed.
