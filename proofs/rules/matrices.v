(** Matrices as lists of rows; what a row or a matrix does not have is zero.

    The bilinear form of a matrix, sums, outer products, transposes. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors.
Import ListNotations.
Open Scope Z_scope.

(** ** Functions of the checker *)

Definition total (l : list Z) : Z := fold_right Z.add 0 l.

(** a + p r'. *)
Fixpoint add_outer (p r : list Z) (a : list (list Z)) : list (list Z) :=
  match p, a with
  | x :: p', row :: a' => (if x =? 0 then row else axpy x r row) :: add_outer p' r a'
  | x :: p', [] => (if x =? 0 then [] else map (Z.mul x) r) :: add_outer p' r []
  | [], _ => a
  end.

Fixpoint add_rows (a b : list (list Z)) : list (list Z) :=
  match a, b with
  | x :: a', y :: b' => addl x y :: add_rows a' b'
  | [], _ => b
  | _, [] => a
  end.

(** A column in front of a matrix. *)
Fixpoint in_front (x : list Z) (a : list (list Z)) : list (list Z) :=
  match x, a with
  | k :: x', row :: a' => (k :: row) :: in_front x' a'
  | k :: x', [] => [k] :: in_front x' []
  | [], _ => map (cons 0) a
  end.
Definition transposed (a : list (list Z)) : list (list Z) := fold_right in_front [] a.

(** ** What they mean *)

Definition cell (a : list (list Z)) (i j : nat) : Z := nth j (nth i a []) 0.
Definition symmetric (a : list (list Z)) : Prop := forall i j, cell a i j = cell a j i.

Lemma cell_nil i j : cell [] i j = 0.
Proof. unfold cell. destruct i, j; reflexivity. Qed.

Lemma nth_addl i : forall a b, nth i (addl a b) 0 = nth i a 0 + nth i b 0.
Proof. induction i as [|i IH]; intros [|x a] [|y b]; simpl; try rewrite IH; try lia; destruct i; simpl; lia. Qed.

Lemma nth_mul i k : forall a, nth i (map (Z.mul k) a) 0 = k * nth i a 0.
Proof. intros a. rewrite <- (Z.mul_0_r k) at 1. apply (map_nth (Z.mul k)). Qed.

Lemma nth_axpy i k : forall a b, nth i (axpy k a b) 0 = k * nth i a 0 + nth i b 0.
Proof.
  induction i as [|i IH]; intros [|x a] [|y b]; simpl axpy; simpl nth; rewrite ?IH, ?nth_mul; try lia;
    destruct i; simpl; lia.
Qed.

Lemma cell_add_rows : forall a b i j, cell (add_rows a b) i j = cell a i j + cell b i j.
Proof.
  induction a as [|x a IH]; intros b i j; [rewrite cell_nil; reflexivity|].
  destruct b as [|y b]; [rewrite cell_nil; simpl; lia|].
  destruct i; [apply nth_addl | apply (IH b i j)].
Qed.

Lemma cell_in_front : forall x a i j,
  cell (in_front x a) i j = match j with O => nth i x 0 | S j' => cell a i j' end.
Proof.
  induction x as [|k x IH]; intros a i j.
  - simpl. unfold cell. revert i. induction a as [|r a IHa]; intros i.
    + destruct i, j as [|[|j]]; reflexivity.
    + destruct i; simpl; [destruct j; reflexivity|]. rewrite IHa. destruct i, j; reflexivity.
  - destruct a as [|row a], i; simpl; unfold cell; simpl; try (destruct j as [|[|j]]; reflexivity).
    + specialize (IH [] i j). unfold cell in IH. rewrite IH. destruct j, i; reflexivity.
    + apply (IH a i j).
Qed.

Lemma cell_transposed : forall a i j, cell (transposed a) i j = cell a j i.
Proof.
  induction a as [|row a IH]; intros i j; [rewrite !cell_nil; reflexivity|].
  simpl. rewrite cell_in_front. destruct j; [reflexivity | apply IH].
Qed.

Open Scope R_scope.

(** x' A y. *)
Fixpoint bilinear (a : list (list Z)) (x y : list R) : R :=
  match a, x with
  | row :: a', k :: x' => k * dot row y + bilinear a' x' y
  | _, _ => 0
  end.

Lemma dot_ext y : forall a b, (forall i, nth i a 0%Z = nth i b 0%Z) -> dot a y = dot b y.
Proof.
  induction y as [|z y IH]; intros a b H; [rewrite !dot_nil_r; reflexivity|].
  assert (E : forall l : list Z, dot l (z :: y) = IZR (nth 0 l 0%Z) * z + dot (tl l) y).
  { intros [|k l]; [unfold dot; simpl; lra | apply dot_cons]. }
  rewrite !E, (H 0%nat). f_equal. apply IH. intros i. specialize (H (S i)). destruct a, b, i; exact H.
Qed.

Lemma bilinear_ext x y : forall a b, (forall i j, cell a i j = cell b i j) -> bilinear a x y = bilinear b x y.
Proof.
  induction x as [|k x IH]; intros a b H; [destruct a, b; reflexivity|].
  assert (E : forall a, bilinear a (k :: x) y = k * dot (nth 0 a []) y + bilinear (tl a) x y).
  { intros [|r l]; simpl; [unfold dot; simpl; lra | reflexivity]. }
  rewrite !E. f_equal; [f_equal; apply dot_ext; exact (H 0%nat)|].
  apply IH. intros i j. specialize (H (S i) j). unfold cell in *. destruct a, b, i; exact H.
Qed.

Lemma bilinear_add x y : forall a b, bilinear (add_rows a b) x y = bilinear a x y + bilinear b x y.
Proof.
  induction x as [|k x IH]; intros [|r a] [|s b]; simpl; rewrite ?dot_addl, ?IH; lra.
Qed.

Lemma bilinear_in_front k y : forall r a x, bilinear (in_front r a) x (k :: y) = k * dot r x + bilinear a x y.
Proof.
  assert (Z0 : forall a x, bilinear (map (cons 0%Z) a) x (k :: y) = bilinear a x y).
  { induction a as [|r a IH]; intros [|z x]; simpl; try reflexivity. rewrite dot_cons, IH. simpl. lra. }
  induction r as [|c r IH]; intros a x.
  - simpl. rewrite Z0. unfold dot; simpl; lra.
  - destruct a as [|row a], x as [|z x]; simpl; rewrite ?dot_nil_r, ?dot_cons, ?IH; simpl; try lra.
    unfold dot; simpl; lra.
Qed.

Lemma bilinear_nil_r : forall a x, bilinear a x [] = 0.
Proof. induction a as [|r a IH]; intros [|k x]; simpl; rewrite ?dot_nil_r, ?IH; lra. Qed.

Lemma bilinear_transposed : forall a x y, bilinear (transposed a) x y = bilinear a y x.
Proof.
  induction a as [|row a IH]; intros x y; [destruct x, y; reflexivity|].
  simpl transposed. destruct y as [|k y]; [apply bilinear_nil_r|].
  rewrite bilinear_in_front, IH. reflexivity.
Qed.

Lemma bilinear_symmetric a x y : symmetric a -> bilinear a x y = bilinear a y x.
Proof. intros S. rewrite <- bilinear_transposed. apply bilinear_ext. intros i j. rewrite cell_transposed. apply S. Qed.

Lemma bilinear_outer y : forall p r a x, bilinear (add_outer p r a) x y = dot p x * dot r y + bilinear a x y.
Proof.
  assert (E : forall c r row, dot (if (c =? 0)%Z then row else axpy c r row) y = IZR c * dot r y + dot row y).
  { intros c r row. destruct (Z.eqb_spec c 0) as [-> | _]; [simpl; lra | apply dot_axpy]. }
  assert (E' : forall c r, dot (if (c =? 0)%Z then [] else map (Z.mul c) r) y = IZR c * dot r y).
  { intros c r. destruct (Z.eqb_spec c 0) as [-> | _]; [unfold dot at 1; simpl; lra | apply dot_map_mul]. }
  induction p as [|c p IH]; intros r a x; [simpl; unfold dot at 1; simpl; lra|].
  destruct a as [|row a], x as [|z x]; simpl; rewrite ?dot_nil_r, ?dot_cons, ?IH, ?E, ?E'; try lra.
  destruct x; simpl; lra.
Qed.
