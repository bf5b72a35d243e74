(** *inertia*: a gap in the spectrum of a symmetric matrix, and how many eigenvalues are above it.
    Spec: statements.md#inertia. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result exact forms.
From Certify.rules Require Import matrices.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := { of : matrix_words; above : nat; low : ratio; high : ratio }.

(** ** What it says *)

Open Scope R_scope.

Definition number (q : ratio) : R := IZR (fst q) / IZR (snd q).

(** On the vectors orthogonal to m others the form is at most low |x|^2, on those orthogonal to n - m others at least
    high |x|^2. By Courant and Fischer: exactly m eigenvalues are at least high, the other n - m at most low. *)
Definition gap (n m : nat) (v : nat -> nat -> R) (a b : R) : Prop :=
  a < b /\ (1 <= m < n)%nat /\
  (exists p : nat -> nat -> R, forall x, (forall k, (k < m)%nat -> sum n (fun i => p i k * x i) = 0) ->
     form n v x <= a * norm2 n x) /\
  (exists q : nat -> nat -> R, forall x, (forall k, (k < n - m)%nat -> sum n (fun i => q i k * x i) = 0) ->
     b * norm2 n x <= form n v x).

Definition holds (s : store) (w : words) : Prop :=
  (forall i j, (i < mw_rows (of w))%nat -> (j < mw_rows (of w))%nat -> meaning s (of w) i j = meaning s (of w) j i) /\
  gap (mw_rows (of w)) (above w) (meaning s (of w)) (number (low w)) (number (high w)).

(** ** The check *)

Open Scope Z_scope.

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  m <- read_matrix s (of w) ;;
  let n := m_rows m in
  let '(ln, ld) := low w in
  let '(hn, hd) := high w in
  _ <- need "shape" (m_columns m =? n)%nat ;;
  _ <- need "not-symmetric" (rows_equal (m_cells m) (transposed (m_cells m))) ;;
  _ <- need "shape" ((1 <=? above w) && (above w <? n))%nat ;;
  _ <- need "denominator" ((0 <? ld) && (0 <? hd)) ;;
  _ <- need "no-gap" (ln * hd <? hn * ld) ;;
  p <- hint s e 0 ;;
  q <- hint s e 3 ;;
  _ <- need "shape" ((m_rows p =? n) && (m_columns p =? above w))%nat ;;
  _ <- need "shape" ((m_rows q =? n) && (m_columns q =? n - above w))%nat ;;
  _ <- shown_positive s e (m_add (m_sub (m_times ln ld (m_identity n)) m) (m_mul p (m_transpose p))) 1 ;;
  shown_positive s e (m_add (m_sub m (m_times hn hd (m_identity n))) (m_mul q (m_transpose q))) 4.

(** ** It is sound *)

Open Scope R_scope.

Lemma rows_add a b : m_rows (m_add a b) = m_rows a.
Proof. unfold m_add. destruct (_ =? _)%Z; reflexivity. Qed.
Lemma columns_add a b : m_columns (m_add a b) = m_columns a.
Proof. unfold m_add. destruct (_ =? _)%Z; reflexivity. Qed.

(** x' (A + P P') x = x' A x + |P' x|^2. *)
Lemma form_with_square a p n c x : formed a -> formed p -> m_rows a = n -> m_columns a = n -> m_rows p = n -> m_columns p = c ->
  formed (m_add a (m_mul p (m_transpose p))) /\
  form n (value (m_add a (m_mul p (m_transpose p)))) x
  = form n (value a) x + norm2 c (fun k => sum n (fun i => value p i k * x i)).
Proof.
  intros Fa Fp Ra Ca Rp Cp.
  assert (Ft := formed_transpose p Fp). assert (Fm := formed_mul p (m_transpose p) Fp Ft). split.
  - apply formed_add; auto; cbn [m_mul m_transpose m_rows m_columns]; congruence.
  - rewrite (form_ext n _ (fun i j => value a i j + sum c (fun k => value p i k * value p j k))).
    + rewrite form_add, form_square. reflexivity.
    + intros i j _ _. rewrite value_add by assumption. rewrite value_mul by (try assumption; reflexivity). rewrite Cp.
      f_equal. apply sum_ext. intros k _. rewrite value_transpose. reflexivity.
Qed.

Lemma norm2_zero c f : (forall k, (k < c)%nat -> f k = 0) -> norm2 c f = 0.
Proof. intros H. unfold norm2. rewrite (sum_ext c _ (fun _ => 0)); [apply sum_zero|]. intros k K. rewrite H by exact K. ring. Qed.

Lemma form_multiple_of_identity num den n x : (1 <= n)%nat -> (0 < den)%Z ->
  form n (value (m_times num den (m_identity n))) x = IZR num / IZR den * norm2 n x.
Proof.
  intros N D. rewrite (form_ext n _ (fun i j => IZR num / IZR den * (if Nat.eqb i j then 1 else 0))).
  - rewrite form_scale, form_identity. reflexivity.
  - intros i j I J. rewrite value_times by (try apply formed_identity; assumption). rewrite value_identity by exact I. reflexivity.
Qed.

Theorem inertia_correct s w e : check s w e = Ok tt -> holds s w.
Proof.
  intros H. unfold check in H.
  apply bind_ok in H. destruct H as (m & Hm & H). destruct (read_matrix_correct _ _ _ Hm) as (Fm & Rm & Cm & Vm).
  destruct (low w) as [ln ld] eqn:Lo. destruct (high w) as [hn hd] eqn:Hi.
  apply bind_ok in H. destruct H as (u1 & H1 & H). apply need_ok in H1. apply Nat.eqb_eq in H1.
  apply bind_ok in H. destruct H as (u0 & H0 & H). apply need_ok in H0. apply rows_equal_ok in H0.
  apply bind_ok in H. destruct H as (u2 & H2 & H). apply need_ok in H2. apply andb_prop in H2. destruct H2 as [H2 H3].
  apply Nat.leb_le in H2. apply Nat.ltb_lt in H3.
  apply bind_ok in H. destruct H as (u3 & H4 & H). apply need_ok in H4. apply andb_prop in H4. destruct H4 as [H4 H5].
  apply Z.ltb_lt in H4, H5.
  apply bind_ok in H. destruct H as (u4 & H6 & H). apply need_ok in H6. apply Z.ltb_lt in H6.
  apply bind_ok in H. destruct H as (p & Hp & H). unfold hint in Hp. apply bind_ok in Hp. destruct Hp as (pw & _ & Hp).
  destruct (read_matrix_correct _ _ _ Hp) as (Fp & _).
  apply bind_ok in H. destruct H as (q & Hq & H). unfold hint in Hq. apply bind_ok in Hq. destruct Hq as (qw & _ & Hq).
  destruct (read_matrix_correct _ _ _ Hq) as (Fq & _).
  apply bind_ok in H. destruct H as (u5 & H7 & H). apply need_ok in H7. apply andb_prop in H7. destruct H7 as [H7 H8].
  apply Nat.eqb_eq in H7, H8.
  apply bind_ok in H. destruct H as (u6 & H9 & H). apply need_ok in H9. apply andb_prop in H9. destruct H9 as [H9 H10].
  apply Nat.eqb_eq in H9, H10.
  apply bind_ok in H. destruct H as ([] & HP & HQ).
  set (n := m_rows m) in *.
  assert (N : (1 <= n)%nat) by lia.
  assert (Fi : forall num den, (0 < den)%Z -> formed (m_times num den (m_identity n))).
  { intros num den D. apply formed_times; [apply formed_identity; exact N | exact D]. }
  assert (Sub : forall a b x, formed a -> formed b -> form n (value (m_sub a b)) x = form n (value a) x - form n (value b) x).
  { intros a b x A B. rewrite <- form_sub. apply form_ext. intros i j _ _. apply value_sub; assumption. }
  assert (Val : forall x, form n (value m) x = form n (meaning s (of w)) x).
  { intros x. apply form_ext. intros i j I J. apply Vm; fold n; lia. }
  unfold holds. rewrite Lo, Hi, <- Rm. fold n. split.
  { intros i j I J. rewrite <- !Vm by (fold n; lia). unfold value. f_equal. f_equal. rewrite H0 at 1. apply cell_transposed. }
  split; [|split; [split; assumption|split]].
  - unfold number. cbn [fst snd]. assert (A : 0 < IZR ld) by (apply IZR_lt; exact H4). assert (B : 0 < IZR hd) by (apply IZR_lt; exact H5).
    apply IZR_lt in H6. rewrite !mult_IZR in H6.
    apply (Rmult_lt_reg_r (IZR ld * IZR hd)); [apply Rmult_lt_0_compat; assumption|].
    replace (IZR ln / IZR ld * (IZR ld * IZR hd)) with (IZR ln * IZR hd) by (field; lra).
    replace (IZR hn / IZR hd * (IZR ld * IZR hd)) with (IZR hn * IZR ld) by (field; lra). exact H6.
  - exists (value p). intros x Z.
    assert (F1 : formed (m_sub (m_times ln ld (m_identity n)) m)) by (apply formed_sub; auto).
    destruct (form_with_square (m_sub (m_times ln ld (m_identity n)) m) p n (above w) x F1 Fp) as [F2 E]; auto;
      [apply rows_add | apply columns_add |].
    assert (P := shown_positive_correct _ _ _ _ F2 HP x). rewrite rows_add in P.
    replace (m_rows (m_sub (m_times ln ld (m_identity n)) m)) with n in P by (symmetry; apply rows_add).
    rewrite E, (norm2_zero _ _ Z), Sub, form_multiple_of_identity, Val in P by auto. unfold number. cbn [fst snd]. lra.
  - exists (value q). intros x Z.
    assert (F1 : formed (m_sub m (m_times hn hd (m_identity n)))) by (apply formed_sub; auto).
    destruct (form_with_square (m_sub m (m_times hn hd (m_identity n))) q n (n - above w) x F1 Fq) as [F2 E]; auto;
      [apply rows_add | unfold m_sub; rewrite columns_add; exact H1 |].
    assert (P := shown_positive_correct _ _ _ _ F2 HQ x). rewrite rows_add in P.
    replace (m_rows (m_sub m (m_times hn hd (m_identity n)))) with n in P by (symmetry; apply rows_add).
    rewrite E, (norm2_zero _ _ Z), Sub, form_multiple_of_identity, Val in P by auto. unfold number. cbn [fst snd]. lra.
Qed.

(** A separation of scales survives what is smaller than half of it: drift, fine-tuning, sampling. *)
Corollary gap_survives n m v a b d f : gap n m v a b -> a + d < b - d ->
  (forall x, Rabs (form n f x) <= d * norm2 n x) -> gap n m (fun i j => v i j + f i j) (a + d) (b - d).
Proof.
  intros (L & M & (p & P) & (q & Q)) S F. split; [exact S | split; [exact M | split]].
  - exists p. intros x Z. rewrite form_add. specialize (P x Z). specialize (F x).
    assert (A := Rle_abs (form n f x)). lra.
  - exists q. intros x Z. rewrite form_add. specialize (Q x Z). specialize (F x).
    assert (A := Rle_abs (- form n f x)). rewrite Rabs_Ropp in A. lra.
Qed.
