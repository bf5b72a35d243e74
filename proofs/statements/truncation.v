(** *truncation*: how far a matrix is from a coarser one, over a ball or an ellipsoid. Spec: statements.md#truncation. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result exact forms.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := { full : matrix_words; coarse : matrix_words; shape : matrix_words; limit : ratio }.

(** ** What it says *)

Open Scope R_scope.

(** |(A - B) x|^2 <= limit^2 x' Q x for all x, and the limit is not negative. *)
Definition holds (s : store) (w : words) : Prop :=
  let gamma := IZR (fst (limit w)) / IZR (snd (limit w)) in
  let columns := mw_columns (full w) in
  0 <= gamma /\
  forall x : nat -> R,
  norm2 (mw_rows (full w)) (fun k => sum columns (fun i => (meaning s (full w) k i - meaning s (coarse w) k i) * x i))
  <= gamma * gamma * form columns (meaning s (shape w)) x.

(** ** The check *)

Open Scope Z_scope.

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  a <- read_matrix s (full w) ;;
  b <- read_matrix s (coarse w) ;;
  _ <- need "shape" ((m_rows b =? m_rows a) && (m_columns b =? m_columns a))%nat ;;
  q <- read_matrix s (shape w) ;;
  _ <- need "shape" ((m_rows q =? m_columns a) && (m_columns q =? m_columns a))%nat ;;
  _ <- need "denominator" (0 <? snd (limit w)) ;;
  _ <- need "negative-limit" (0 <=? fst (limit w)) ;;
  let rest := m_sub a b in
  let square := m_times (fst (limit w) * fst (limit w)) (snd (limit w) * snd (limit w)) q in
  shown_positive s e (m_sub square (m_mul (m_transpose rest) rest)) 0.

(** ** It is sound *)

Open Scope R_scope.

Theorem truncation_correct s w e : check s w e = Ok tt -> holds s w.
Proof.
  intros H. unfold check in H.
  apply bind_ok in H. destruct H as (a & Ha & H). destruct (read_matrix_correct _ _ _ Ha) as (Fa & Ra & Ca & Va).
  apply bind_ok in H. destruct H as (b & Hb & H). destruct (read_matrix_correct _ _ _ Hb) as (Fb & Rb & Cb & Vb).
  apply bind_ok in H. destruct H as (u1 & H1 & H). apply need_ok in H1. apply andb_prop in H1. destruct H1 as [H1 H2].
  apply Nat.eqb_eq in H1, H2.
  apply bind_ok in H. destruct H as (q & Hq & H). destruct (read_matrix_correct _ _ _ Hq) as (Fq & Rq & Cq & Vq).
  apply bind_ok in H. destruct H as (u2 & H3 & H). apply need_ok in H3. apply andb_prop in H3. destruct H3 as [H3 H4].
  apply Nat.eqb_eq in H3, H4.
  apply bind_ok in H. destruct H as (u3 & H5 & H). apply need_ok in H5. apply Z.ltb_lt in H5.
  apply bind_ok in H. destruct H as (u4 & H6 & H). apply need_ok in H6. apply Z.leb_le in H6.
  destruct (limit w) as [num den] eqn:L. cbn [fst snd] in *.
  assert (D : 0 < IZR den) by (apply IZR_lt; exact H5). assert (N : 0 <= IZR num) by (apply IZR_le; exact H6).
  set (c := m_columns a) in *. set (r := m_rows a) in *.
  assert (Fr : formed (m_sub a b)) by (apply formed_sub; auto).
  assert (Rr : m_rows (m_sub a b) = r) by (unfold m_sub, m_add; destruct (_ =? _)%Z; reflexivity).
  assert (Cr : m_columns (m_sub a b) = c) by (unfold m_sub, m_add; destruct (_ =? _)%Z; reflexivity).
  assert (Ft : formed (m_transpose (m_sub a b))) by (apply formed_transpose; exact Fr).
  assert (Fm : formed (m_mul (m_transpose (m_sub a b)) (m_sub a b))) by (apply formed_mul; assumption).
  assert (Fs : formed (m_times (num * num) (den * den) q)) by (apply formed_times; [exact Fq | lia]).
  assert (Rs : m_rows (m_times (num * num) (den * den) q) = c) by exact H3.
  assert (Cs : m_columns (m_times (num * num) (den * den) q) = c) by exact H4.
  set (whole := m_sub (m_times (num * num) (den * den) q) (m_mul (m_transpose (m_sub a b)) (m_sub a b))) in *.
  assert (Fw : formed whole).
  { apply formed_sub; [exact Fs | exact Fm | |]; cbn [m_mul m_transpose m_rows m_columns]; rewrite Cr; assumption. }
  assert (Rw : m_rows whole = c).
  { unfold whole, m_sub, m_add. destruct (_ =? _)%Z; exact Rs. }
  assert (P := shown_positive_correct _ _ _ _ Fw H). rewrite Rw in P.
  unfold holds. rewrite L. cbn [fst snd]. rewrite <- Ca, <- Ra. fold c r. split.
  - apply Rmult_le_pos; [exact N | left; apply Rinv_0_lt_compat; exact D].
  - intros x. specialize (P x).
    rewrite (form_ext c _ (fun i j => IZR num / IZR den * (IZR num / IZR den) * meaning s (shape w) i j
        - sum r (fun k => (meaning s (full w) k i - meaning s (coarse w) k i) * (meaning s (full w) k j - meaning s (coarse w) k j)))) in P.
    + rewrite form_sub, form_scale in P.
      rewrite (form_square c r (fun i k => meaning s (full w) k i - meaning s (coarse w) k i)) in P. lra.
    + intros i j I J. unfold whole. rewrite value_sub by assumption. rewrite value_times by (try exact Fq; lia).
      rewrite value_mul by (try assumption; reflexivity). cbn [m_transpose m_columns]. rewrite Rr, !mult_IZR.
      rewrite Vq by (fold c in H3, H4; lia). f_equal; [field; lra|].
      apply sum_ext. intros k K. rewrite value_transpose, !value_sub by assumption.
      rewrite !Va, !Vb by (fold c r; lia). reflexivity.
Qed.
