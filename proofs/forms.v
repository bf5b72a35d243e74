(** Quadratic forms over finite sums: what the rules about matrices add up. *)
From Coq Require Import ZArith Reals Lia Lra List.
From Certify Require Import vectors exact.
Open Scope R_scope.

Definition norm2 (n : nat) (x : nat -> R) : R := sum n (fun i => x i * x i).

Lemma norm2_nonneg n x : 0 <= norm2 n x.
Proof. apply sum_nonneg. intros i _. apply Rle_0_sqr. Qed.

Lemma form_ext n v w x : (forall i j, (i < n)%nat -> (j < n)%nat -> v i j = w i j) -> form n v x = form n w x.
Proof. intros H. unfold form. apply sum_ext. intros i I. apply sum_ext. intros j J. rewrite H; auto. Qed.

Lemma form_add n v w x : form n (fun i j => v i j + w i j) x = form n v x + form n w x.
Proof.
  unfold form. rewrite <- sum_add. apply sum_ext. intros i _. rewrite <- sum_add. apply sum_ext. intros j _. ring.
Qed.

Lemma form_scale n k v x : form n (fun i j => k * v i j) x = k * form n v x.
Proof.
  unfold form. rewrite <- sum_scale. apply sum_ext. intros i _. rewrite <- sum_scale. apply sum_ext. intros j _. ring.
Qed.

Lemma form_sub n v w x : form n (fun i j => v i j - w i j) x = form n v x - form n w x.
Proof.
  rewrite (form_ext n _ (fun i j => v i j + -1 * w i j)) by (intros; ring). rewrite form_add, form_scale. ring.
Qed.

Lemma form_identity n x : form n (fun i j => if Nat.eqb i j then 1 else 0) x = norm2 n x.
Proof.
  unfold form, norm2. apply sum_ext. intros i I.
  rewrite (sum_ext n _ (fun j => if Nat.eqb i j then x i * x j else 0)) by (intros j _; destruct (Nat.eqb i j); ring).
  apply (sum_delta n i (fun j => x i * x j)). exact I.
Qed.

Lemma sum_product n f m g : sum n f * sum m g = sum n (fun i => sum m (fun j => f i * g j)).
Proof.
  rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros i _. rewrite Rmult_comm, <- sum_scale. reflexivity.
Qed.

(** x' A A' x = |A' x|^2 *)
Lemma form_square n m a x :
  form n (fun i j => sum m (fun k => a i k * a j k)) x = norm2 m (fun k => sum n (fun i => a i k * x i)).
Proof.
  unfold form, norm2.
  rewrite (sum_ext m _ (fun k => sum n (fun i => sum n (fun j => a i k * x i * (a j k * x j))))) by (intros k _; apply sum_product).
  rewrite (sum_swap m n). apply sum_ext. intros i _. rewrite (sum_swap m n). apply sum_ext. intros j _.
  rewrite Rmult_assoc, Rmult_comm, <- sum_scale. apply sum_ext. intros k _. ring.
Qed.
