(** Images of expressions under maps: one coordinate at a time they are images of integers, which map_rules.v knows. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps map_rules plans.
From Certify.rules Require Import matrices expressions expression_rules.
Import ListNotations.
Open Scope Z_scope.

(** ** Coefficients of one coordinate *)

Definition column (c : nat) (es : list (list Z)) : list Z := map (fun e => nth c e 0) es.

Section columns.
Variables (c : nat) (f : Z -> Z -> Z) (g : Z -> list Z -> list Z -> list Z).
Hypothesis adds : forall a e acc, nth c (g a e acc) 0 = f a (nth c e 0) + nth c acc 0.

Lemma column_dense : forall l es, nth c (row_dense g l es) 0 = row_sum_dense f l (column c es).
Proof.
  induction l as [|a l IH]; intros [|e es]; simpl; try (destruct c; reflexivity). rewrite adds, IH. reflexivity.
Qed.

Lemma column_sparse : forall l at_ es, nth c (row_sparse g l at_ es) 0 = row_sum_sparse f l at_ (column c es).
Proof.
  induction l as [|[j a] l IH]; intros at_ es; simpl; [destruct c; reflexivity|].
  unfold column. rewrite skipn_map. destruct (skipn (j - at_) es) as [|e es']; simpl; [destruct c; reflexivity|].
  rewrite adds, IH. reflexivity.
Qed.

End columns.

Lemma adds_scaled c a e acc : nth c (add_scaled a e acc) 0 = a * nth c e 0 + nth c acc 0.
Proof. unfold add_scaled. destruct (Z.eqb_spec a 0) as [-> | _]; [lia | apply nth_axpy]. Qed.

Lemma column_image c es r : nth c (row_image es r) 0 = row_sum Z.mul (column c es) r.
Proof.
  destruct r; [apply column_dense | apply column_sparse]; intros; apply adds_scaled.
Qed.

Lemma sum_rows_dense : forall (l : list Z) es, length l = length es -> sum_rows es = row_dense add_one l es.
Proof. induction l as [|a l IH]; intros [|e es] L; simpl in *; try discriminate; [reflexivity|]. rewrite <- IH by lia. reflexivity. Qed.

(** [h] is the negative or the positive part. *)
Lemma column_ones (h : Z -> Z) c es r : h 0 = 0 ->
  nth c (row_ones (length es) (sum_rows (map (map h) es)) (map (map h) es) r) 0
  = row_sum (fun _ x => h x) (column c es) r.
Proof.
  intros H0.
  assert (E : forall e : list Z, nth c (map h e) 0 = h (nth c e 0)).
  { intros e. rewrite <- H0 at 1. apply map_nth. }
  assert (C : column c (map (map h) es) = map h (column c es)).
  { unfold column. rewrite !map_map. apply map_ext, E. }
  assert (A : forall a e acc, nth c (add_one a e acc) 0 = (fun _ x => x) a (nth c e 0) + nth c acc 0).
  { intros. apply nth_addl. }
  assert (D : forall l v, row_sum_dense (fun _ x => x) l (map h v) = row_sum_dense (fun _ x => h x) l v).
  { induction l as [|a l IH]; intros [|x v]; simpl; auto. rewrite IH. reflexivity. }
  assert (S : forall l at_ v, row_sum_sparse (fun _ x => x) l at_ (map h v) = row_sum_sparse (fun _ x => h x) l at_ v).
  { induction l as [|[j a] l IH]; intros at_ v; simpl; auto. rewrite skipn_map.
    destruct (skipn (j - at_) v); simpl; auto. rewrite IH. reflexivity. }
  destruct r as [l | l]; simpl.
  - destruct (Nat.eqb_spec (length l) (length es)) as [L | _].
    + rewrite (sum_rows_dense l) by (rewrite map_length; exact L).
      rewrite (column_dense c _ _ A), C. apply D.
    + rewrite (column_dense c _ _ A), C. apply D.
  - rewrite (column_sparse c _ _ A), C. apply S.
Qed.

Lemma map2_map {A B C D E} (f : D -> E -> C) (g : A -> D) (h : B -> E) : forall a b,
  map2 f (map g a) (map h b) = map2 (fun x y => f (g x) (h y)) a b.
Proof. induction a; intros [|y b]; simpl; auto. rewrite IHa. reflexivity. Qed.

Lemma map_map2 {A B C D} (f : C -> D) (g : A -> B -> C) : forall a b,
  map f (map2 g a b) = map2 (fun x y => f (g x y)) a b.
Proof. induction a; intros [|y b]; simpl; auto. rewrite IHa. reflexivity. Qed.

Lemma map2_map2 {A B C D E} (f : C -> D -> E) (g : A -> B -> C) (h : A -> B -> D) : forall a b,
  map2 f (map2 g a b) (map2 h a b) = map2 (fun x y => f (g x y) (h x y)) a b.
Proof. induction a; intros [|y b]; simpl; auto. rewrite IHa. reflexivity. Qed.

Lemma map2_ext {A B C} (f g : A -> B -> C) : (forall x y, f x y = g x y) -> forall a b, map2 f a b = map2 g a b.
Proof. intros H. induction a; intros [|y b]; simpl; auto. rewrite H, IHa. reflexivity. Qed.

Lemma map2_same {A B C} (f : A -> A -> C) (g h : B -> A) : forall a,
  map2 f (map g a) (map h a) = map (fun x => f (g x) (h x)) a.
Proof. induction a; simpl; auto. rewrite IHa. reflexivity. Qed.

Theorem columns_image im es c :
  image im (column c es) = (map (fun p => nth c (fst p) 0) (image_rows im es),
                            map (fun p => nth c (snd p) 0) (image_rows im es)).
Proof.
  assert (E : forall (h : Z -> Z) (e : list Z), h 0 = 0 -> nth c (map h e) 0 = h (nth c e 0)).
  { intros h e H. rewrite <- H at 1. apply map_nth. }
  unfold image, image_rows. destruct (im_width im =? 0).
  - destruct (im_map im) as [n rs | l]; simpl.
    + rewrite !map_map. f_equal; apply map_ext; intros r; simpl; symmetry; apply column_image.
    + rewrite !map_map2. unfold column. rewrite <- (map_id l) at 1 2.
      rewrite !map2_map. f_equal; apply map2_ext; intros a e; simpl; symmetry; apply nth_mul.
  - destruct (im_map im) as [n rs | l]; simpl.
    + rewrite !map_map, !map2_same. f_equal; apply map_ext; intros r; simpl;
        rewrite nth_axpy, column_ones, column_image by reflexivity; lia.
    + rewrite !map_map2. unfold column. rewrite <- (map_id l) at 1 2 3 4. rewrite !map2_map, !map2_map2.
      f_equal; apply map2_ext; intros a e; simpl; rewrite nth_axpy, nth_mul, E by reflexivity; lia.
Qed.
