(** Storage functions: what a quadratic form of the state shows about the energy of outputs, from rest.

    [discrete_energy] and [continuous_energy] are what kind *gain* rests on (Willems 1972): a form of the state that is
    never negative, zero at rest, and grows by at most what is supplied bounds what goes out by what goes in. *)
From Coq Require Import Reals Lia Lra Ranalysis List.
From Certify Require Import vectors exact forms.
Open Scope R_scope.

(** ** Forms in two vectors *)

(** x' V y *)
Definition pairing (n m : nat) (v : nat -> nat -> R) (x y : nat -> R) : R :=
  sum n (fun i => sum m (fun j => v i j * x i * y j)).

(** Entry i of V x. *)
Definition map_of (m : nat) (v : nat -> nat -> R) (x : nat -> R) (i : nat) : R := sum m (fun j => v i j * x j).

Definition inner (n : nat) (x y : nat -> R) : R := sum n (fun i => x i * y i).

Lemma pairing_self n v x : pairing n n v x x = form n v x.
Proof. reflexivity. Qed.

Lemma pairing_ext n m v w x x' y y' : (forall i j, (i < n)%nat -> (j < m)%nat -> v i j = w i j) ->
  (forall i, (i < n)%nat -> x i = x' i) -> (forall j, (j < m)%nat -> y j = y' j) ->
  pairing n m v x y = pairing n m w x' y'.
Proof.
  intros V X Y. apply sum_ext. intros i I. apply sum_ext. intros j J. rewrite V, X, Y by assumption. reflexivity.
Qed.

Lemma pairing_add_matrix n m v w x y :
  pairing n m (fun i j => v i j + w i j) x y = pairing n m v x y + pairing n m w x y.
Proof.
  unfold pairing. rewrite <- sum_add. apply sum_ext. intros i _. rewrite <- sum_add. apply sum_ext. intros j _. ring.
Qed.

Lemma pairing_add_left n m v x x' y : pairing n m v (fun i => x i + x' i) y = pairing n m v x y + pairing n m v x' y.
Proof.
  unfold pairing. rewrite <- sum_add. apply sum_ext. intros i _. rewrite <- sum_add. apply sum_ext. intros j _. ring.
Qed.

Lemma pairing_flip n m v x y : pairing n m v x y = pairing m n (fun i j => v j i) y x.
Proof. unfold pairing. rewrite sum_swap. apply sum_ext. intros j _. apply sum_ext. intros i _. ring. Qed.

Lemma pairing_add_right n m v x y y' : pairing n m v x (fun i => y i + y' i) = pairing n m v x y + pairing n m v x y'.
Proof. rewrite !(pairing_flip n m). apply pairing_add_left. Qed.

(** x' P' Q y *)
Lemma pairing_gram n m r p q x y :
  pairing n m (fun i j => sum r (fun k => p k i * q k j)) x y = inner r (map_of n p x) (map_of m q y).
Proof.
  unfold pairing, inner, map_of.
  rewrite (sum_ext r _ (fun k => sum n (fun i => sum m (fun j => p k i * x i * (q k j * y j)))))
    by (intros k _; apply sum_product).
  rewrite (sum_swap r n). apply sum_ext. intros i _. rewrite (sum_swap r m). apply sum_ext. intros j _.
  rewrite Rmult_assoc, Rmult_comm, <- sum_scale. apply sum_ext. intros k _. ring.
Qed.

Lemma pairing_inner n m v x y : pairing n m v x y = inner n x (map_of m v y).
Proof.
  unfold pairing, inner, map_of. apply sum_ext. intros i _. rewrite <- sum_scale. apply sum_ext. intros j _. ring.
Qed.

(** x' (P' V) Q y = (P x)' V (Q y) *)
Lemma pairing_between n m r k p v q x y :
  pairing n m (fun i j => sum r (fun l => sum k (fun h => p h i * v h l) * q l j)) x y
  = pairing k r v (map_of n p x) (map_of m q y).
Proof.
  rewrite (pairing_gram n m r (fun l i => sum k (fun h => p h i * v h l)) q), pairing_flip, pairing_inner.
  unfold inner. apply sum_ext. intros l _. rewrite Rmult_comm. f_equal. unfold map_of.
  rewrite (sum_ext n _ (fun i => sum k (fun h => v h l * (p h i * x i)))).
  - rewrite sum_swap. apply sum_ext. intros h _. apply sum_scale.
  - intros i _. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros h _. ring.
Qed.

Lemma norm2_inner n x : norm2 n x = inner n x x.
Proof. reflexivity. Qed.

Lemma norm2_add n x y : norm2 n (fun i => x i + y i) = norm2 n x + 2 * inner n x y + norm2 n y.
Proof.
  unfold norm2, inner. rewrite <- sum_scale, <- !sum_add. apply sum_ext. intros i _. ring.
Qed.

Lemma norm2_ext n x y : (forall i, (i < n)%nat -> x i = y i) -> norm2 n x = norm2 n y.
Proof. intros E. apply sum_ext. intros i I. rewrite E by exact I. reflexivity. Qed.

(** V symmetric. *)
Definition symmetric_on (n : nat) (v : nat -> nat -> R) : Prop :=
  forall i j, (i < n)%nat -> (j < n)%nat -> v i j = v j i.

Lemma pairing_symmetric n v x y : symmetric_on n v -> pairing n n v x y = pairing n n v y x.
Proof. intros E. rewrite pairing_flip. apply pairing_ext; auto. Qed.

Lemma form_sum n v x y : symmetric_on n v ->
  form n v (fun i => x i + y i) = form n v x + 2 * pairing n n v x y + form n v y.
Proof.
  intros E. rewrite <- !pairing_self, pairing_add_left, !pairing_add_right, (pairing_symmetric n v y x E). ring.
Qed.

Lemma form_at_rest n v x : (forall i, (i < n)%nat -> x i = 0) -> form n v x = 0.
Proof.
  intros Z. unfold form. rewrite (sum_ext n _ (fun _ => 0)); [apply sum_zero|]. intros i I.
  rewrite (sum_ext n _ (fun _ => 0)); [apply sum_zero|]. intros j _. rewrite (Z i I). ring.
Qed.

(** ** Discrete time *)

Theorem discrete_energy n m p v g next out (u x y : nat -> nat -> R) :
  (forall z, 0 <= form n v z) ->
  (forall z w, form n v (next z w) - form n v z + norm2 p (out z w) <= g * norm2 m w) ->
  (forall i, (i < n)%nat -> x 0%nat i = 0) ->
  (forall t i, (i < n)%nat -> x (S t) i = next (x t) (u t) i) ->
  (forall t i, (i < p)%nat -> y t i = out (x t) (u t) i) ->
  forall T, sum T (fun t => norm2 p (y t)) <= g * sum T (fun t => norm2 m (u t)).
Proof.
  intros V D X0 X Y T.
  assert (G : form n v (x T) + sum T (fun t => norm2 p (y t)) <= g * sum T (fun t => norm2 m (u t))).
  { induction T as [|T IH]; cbn [sum]; [rewrite (form_at_rest n v (x 0%nat) X0); lra|].
    assert (E := D (x T) (u T)). rewrite <- !pairing_self in *.
    rewrite (pairing_ext n n v v (x (S T)) (next (x T) (u T)) (x (S T)) (next (x T) (u T)))
      by (auto; intros; apply X; auto).
    rewrite (norm2_ext p (y T) (out (x T) (u T))) by (intros; apply Y; auto). lra. }
  specialize (V (x T)). lra.
Qed.

(** ** Continuous time *)

(** Continuous on [a, b], and with the derivative f' inside, but at the instants of a finite list. *)
Definition follows (a b : R) (jumps : list R) (f f' : R -> R) : Prop :=
  (forall t, a <= t <= b -> continuity_pt f t) /\
  (forall t, a < t < b -> ~ In t jumps -> derivable_pt_lim f t (f' t)).

Lemma falls f f' : forall jumps a b, a <= b -> follows a b jumps f f' ->
  (forall t, a < t < b -> ~ In t jumps -> f' t <= 0) -> f b <= f a.
Proof.
  induction jumps as [|c jumps IH]; intros a b O (C & D) N.
  - destruct O as [O | ->]; [|lra].
    assert (pr : forall t, a < t < b -> derivable_pt f t) by (intros t I; exists (f' t); apply D; auto).
    destruct (MVT f id a b pr (fun t _ => derivable_pt_id t) O C) as (t & I & E).
    { intros t _. apply derivable_continuous_pt, derivable_pt_id. }
    rewrite (derive_pt_eq_0 f t (f' t) (pr t I)) in E by (apply D; auto).
    rewrite (derive_pt_eq_0 id t 1) in E by apply derivable_pt_lim_id. unfold id in E.
    assert (L : f' t <= 0) by (apply N; auto).
    assert (0 <= (b - a) * - f' t) by (apply Rmult_le_pos; lra). lra.
  - assert (G : forall a' b', a <= a' -> b' <= b -> (forall t, a' < t < b' -> t <> c) -> a' <= b' -> f b' <= f a').
    { intros a' b' A B K O'. apply (IH a' b' O').
      - split; [intros t I; apply C; lra|]. intros t I J. apply D; [lra|].
        intros [E | J']; [exact (K t I (eq_sym E)) | exact (J J')].
      - intros t I J. apply N; [lra|]. intros [E | J']; [exact (K t I (eq_sym E)) | exact (J J')]. }
    destruct (Rlt_dec a c) as [H | H]; [destruct (Rlt_dec c b) as [H' | H']|].
    + apply Rle_trans with (f c); apply G; intros; lra.
    + apply G; intros; lra.
    + apply G; intros; lra.
Qed.

Lemma derivable_sum n t (f : nat -> R -> R) f' : (forall i, (i < n)%nat -> derivable_pt_lim (f i) t (f' i)) ->
  derivable_pt_lim (fun r => sum n (fun i => f i r)) t (sum n f').
Proof.
  induction n as [|n IH]; intros D; cbn [sum]; [apply derivable_pt_lim_const|].
  apply (derivable_pt_lim_plus (fun r => sum n (fun i => f i r)) (f n)); auto with arith.
Qed.

Lemma continuity_sum n t (f : nat -> R -> R) : (forall i, (i < n)%nat -> continuity_pt (f i) t) ->
  continuity_pt (fun r => sum n (fun i => f i r)) t.
Proof.
  induction n as [|n IH]; intros D; cbn [sum]; [apply continuity_pt_const; intros a b; reflexivity|].
  apply (continuity_pt_plus (fun r => sum n (fun i => f i r)) (f n)); auto with arith.
Qed.

Lemma derivable_form n v t (x : R -> nat -> R) x' : symmetric_on n v ->
  (forall i, (i < n)%nat -> derivable_pt_lim (fun r => x r i) t (x' i)) ->
  derivable_pt_lim (fun r => form n v (x r)) t (2 * pairing n n v (x t) x').
Proof.
  intros E D. replace (2 * pairing n n v (x t) x') with (pairing n n v x' (x t) + pairing n n v (x t) x')
    by (rewrite (pairing_symmetric n v x' (x t) E); ring).
  unfold pairing. rewrite <- sum_add. apply (derivable_sum n t (fun i r => sum n (fun j => v i j * x r i * x r j))).
  intros i I. rewrite <- sum_add. apply (derivable_sum n t (fun j r => v i j * x r i * x r j)). intros j J.
  assert (M := derivable_pt_lim_mult _ _ t _ _ (derivable_pt_lim_scal (fun r => x r i) (v i j) t _ (D i I)) (D j J)).
  exact M.
Qed.

Lemma continuity_form n v t (x : R -> nat -> R) : (forall i, (i < n)%nat -> continuity_pt (fun r => x r i) t) ->
  continuity_pt (fun r => form n v (x r)) t.
Proof.
  intros D. apply (continuity_sum n t (fun i r => sum n (fun j => v i j * x r i * x r j))). intros i I.
  apply (continuity_sum n t (fun j r => v i j * x r i * x r j)). intros j J.
  exact (continuity_pt_mult _ _ t (continuity_pt_scal (fun r => x r i) (v i j) t (D i I)) (D j J)).
Qed.

Theorem continuous_energy n m p v g next out T jumps (u x y : R -> nat -> R) (ey eu : R -> R) :
  symmetric_on n v -> (forall z, 0 <= form n v z) ->
  (forall z w, 2 * pairing n n v z (next z w) + norm2 p (out z w) <= g * norm2 m w) ->
  (forall i, (i < n)%nat -> x 0 i = 0 /\ follows 0 T jumps (fun t => x t i) (fun t => next (x t) (u t) i)) ->
  (forall t i, (i < p)%nat -> y t i = out (x t) (u t) i) ->
  follows 0 T jumps ey (fun t => norm2 p (y t)) -> follows 0 T jumps eu (fun t => norm2 m (u t)) ->
  0 <= T -> ey T - ey 0 <= g * (eu T - eu 0).
Proof.
  intros S V D X Y (Cy & Dy) (Cu & Du) O.
  assert (F := falls (fun t => form n v (x t) + (ey t + - g * eu t))
    (fun t => 2 * pairing n n v (x t) (next (x t) (u t)) + (norm2 p (y t) + - g * norm2 m (u t))) jumps 0 T O).
  assert (Z : form n v (x 0) = 0) by (apply form_at_rest; intros i I; apply X, I).
  specialize (V (x T)). cbv beta in F. rewrite Z in F.
  enough (form n v (x T) + (ey T + - g * eu T) <= 0 + (ey 0 + - g * eu 0)) by lra.
  apply F.
  - split.
    + intros t I. apply (continuity_pt_plus (fun r => form n v (x r)) (fun r => ey r + - g * eu r)).
      * apply continuity_form. intros i J. apply (proj2 (X i J)), I.
      * apply (continuity_pt_plus ey (fun r => - g * eu r)); [apply Cy, I|]. apply (continuity_pt_scal eu), Cu, I.
    + intros t I J. apply (derivable_pt_lim_plus (fun r => form n v (x r)) (fun r => ey r + - g * eu r)).
      * apply derivable_form; [exact S|]. intros i K. apply (proj2 (X i K)); assumption.
      * apply (derivable_pt_lim_plus ey (fun r => - g * eu r)); [apply Dy; assumption|].
        apply (derivable_pt_lim_scal eu), Du; assumption.
  - intros t I J. specialize (D (x t) (u t)).
    rewrite (norm2_ext p (y t) (out (x t) (u t))) by (intros; apply Y; auto). lra.
Qed.
