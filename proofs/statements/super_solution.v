(** *super-solution*: a budget that gains and sources cannot pass. Spec: statements.md#super-solution. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result exact.
From Certify.rules Require Import matrices.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := { gains : matrix_words; sources : matrix_words; bound : matrix_words; implicit : nat }.

(** ** What it says *)

Open Scope R_scope.

(** G x + b, where x has n entries. *)
Definition step (n : nat) (g : nat -> nat -> R) (b x : nat -> R) (i : nat) : R := sum n (fun j => g i j * x j) + b i.

(** Below, entry by entry. *)
Definition below (n : nat) (x y : nat -> R) : Prop := forall i, (i < n)%nat -> x i <= y i.

Definition holds (s : store) (w : words) : Prop :=
  let n := mw_rows (gains w) in
  let g := meaning s (gains w) in
  let b i := meaning s (sources w) i 0 in
  let most i := meaning s (bound w) i 0 in
  below n b most /\
  (forall x : nat -> nat -> R,
   below n (x 0%nat) most -> (forall k, below n (x (S k)) (step n g b (x k))) -> forall k, below n (x k) most) /\
  (implicit w = 1%nat -> forall x, below n x (step n g b x) -> below n x most).

(** ** The check *)

Open Scope Z_scope.

Definition all_cells (p : Z -> bool) (m : matrix) : bool := forallb (forallb p) (m_cells m).

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  g <- read_matrix s (gains w) ;;
  b <- read_matrix s (sources w) ;;
  most <- read_matrix s (bound w) ;;
  let n := m_rows g in
  let column m := ((m_rows m =? n) && (m_columns m =? 1))%nat in
  _ <- need "implicit" (implicit w <=? 1)%nat ;;
  _ <- need "shape" ((m_columns g =? n)%nat && column b && column most) ;;
  _ <- need "negative" (all_cells (Z.leb 0) g && all_cells (Z.leb 0) b && all_cells (Z.leb 0) most) ;;
  _ <- need "not-above" (all_cells (Z.leb 0) (m_sub (m_sub most (m_mul g most)) b)) ;;
  if (implicit w =? 0)%nat then Ok tt
  else
    v <- hint s e 0 ;;
    _ <- need "shape" (column v) ;;
    need "not-contracting" (all_cells (Z.ltb 0) v && all_cells (Z.ltb 0) (m_sub v (m_mul g v))).

(** ** It is sound *)

Open Scope R_scope.

Lemma step_monotone n g b x y i : (forall j, (j < n)%nat -> 0 <= g i j) -> below n x y -> step n g b x i <= step n g b y i.
Proof.
  intros G B. unfold step. apply Rplus_le_compat_r, sum_le. intros j J. apply Rmult_le_compat_l; [apply G, J | apply B, J].
Qed.

Lemma below_super n g b most : (forall i j, (i < n)%nat -> (j < n)%nat -> 0 <= g i j) -> below n (step n g b most) most ->
  forall x : nat -> nat -> R, below n (x 0%nat) most -> (forall k, below n (x (S k)) (step n g b (x k))) ->
  forall k, below n (x k) most.
Proof.
  intros G A x X0 Xs. induction k as [|k IH]; [exact X0|]. intros i I.
  apply Rle_trans with (step n g b (x k) i); [apply Xs, I|].
  apply Rle_trans with (step n g b most i); [|apply A, I]. apply step_monotone; [intros j J; apply G; assumption | exact IH].
Qed.

Lemma some_largest n (r : nat -> R) : (0 < n)%nat -> exists i, (i < n)%nat /\ forall j, (j < n)%nat -> r j <= r i.
Proof.
  induction n as [|n IH]; intros N; [lia|]. destruct n as [|n].
  - exists 0%nat. split; [lia|]. intros j J. replace j with 0%nat by lia. lra.
  - destruct IH as (i & I & M); [lia|]. destruct (Rle_lt_dec (r i) (r (S n))) as [L | L].
    + exists (S n). split; [lia|]. intros j J. destruct (Nat.eq_dec j (S n)) as [-> | E]; [lra|].
      specialize (M j ltac:(lia)). lra.
    + exists i. split; [lia|]. intros j J. destruct (Nat.eq_dec j (S n)) as [-> | E]; [lra|]. apply M. lia.
Qed.

(** Where G shrinks some positive v, no vector with x <= G x + b passes a super-solution. *)
Lemma below_implicit n g b most v : (forall i j, (i < n)%nat -> (j < n)%nat -> 0 <= g i j) ->
  below n (step n g b most) most -> (forall i, (i < n)%nat -> 0 < v i) ->
  (forall i, (i < n)%nat -> sum n (fun j => g i j * v j) < v i) ->
  forall x, below n x (step n g b x) -> below n x most.
Proof.
  intros G A V Sh x X. destruct n as [|m]; [intros i I; lia|]. set (n := S m) in *.
  destruct (some_largest n (fun i => (x i - most i) / v i)) as (i & I & M); [unfold n; lia|]. cbv beta in M.
  set (t := (x i - most i) / v i) in *.
  assert (B : forall j, (j < n)%nat -> x j - most j <= t * v j).
  { intros j J. specialize (M j J). assert (P := V j J).
    apply (Rmult_le_compat_r (v j)) in M; [|lra]. unfold Rdiv in M at 1. rewrite Rmult_assoc, Rinv_l in M by lra. lra. }
  assert (E : x i - most i = t * v i) by (unfold t; field; assert (P := V i I); lra).
  destruct (Rle_lt_dec t 0) as [T | T].
  - intros j J. specialize (B j J). assert (P := V j J).
    assert (t * v j <= 0) by (rewrite <- (Rmult_0_l (v j)); apply Rmult_le_compat_r; lra). lra.
  - exfalso. assert (X1 := X i I). assert (A1 := A i I). assert (S1 := Sh i I). unfold step in X1, A1.
    assert (L : sum n (fun j => g i j * x j) <= sum n (fun j => g i j * most j) + t * sum n (fun j => g i j * v j)).
    { rewrite <- sum_scale, <- sum_add. apply sum_le. intros j J. specialize (B j J). assert (P := G i j I J).
      assert (g i j * (x j - most j) <= g i j * (t * v j)) by (apply Rmult_le_compat_l; assumption). lra. }
    assert (t * sum n (fun j => g i j * v j) < t * v i) by (apply Rmult_lt_compat_l; assumption). lra.
Qed.

Lemma cells_hold (m : matrix) (test : Z -> bool) i j : formed m -> all_cells test m = true ->
  (i < m_rows m)%nat -> (j < m_columns m)%nat -> test (cell (m_cells m) i j) = true.
Proof.
  intros (D & R1 & C1 & L & W) H I J. unfold all_cells in H. rewrite forallb_forall in H.
  assert (In0 : In (nth i (m_cells m) []) (m_cells m)) by (apply nth_In; lia). specialize (H _ In0).
  rewrite forallb_forall in H. apply H. unfold cell. apply nth_In. rewrite Forall_forall in W. rewrite (W _ In0). exact J.
Qed.

Lemma nonneg_value m i j : formed m -> all_cells (Z.leb 0) m = true -> (i < m_rows m)%nat -> (j < m_columns m)%nat -> 0 <= value m i j.
Proof.
  intros F H I J. assert (C := cells_hold m _ i j F H I J). apply Z.leb_le, IZR_le in C. destruct F as (D & _).
  apply IZR_lt in D. apply Rmult_le_pos; [exact C | left; apply Rinv_0_lt_compat; exact D].
Qed.

Lemma positive_value m i j : formed m -> all_cells (Z.ltb 0) m = true -> (i < m_rows m)%nat -> (j < m_columns m)%nat -> 0 < value m i j.
Proof.
  intros F H I J. assert (C := cells_hold m _ i j F H I J). apply Z.ltb_lt, IZR_lt in C. destruct F as (D & _).
  apply IZR_lt in D. apply Rdiv_lt_0_compat; assumption.
Qed.

Theorem super_solution_correct s w e : check s w e = Ok tt -> holds s w.
Proof.
  intros H. unfold check in H.
  apply bind_ok in H. destruct H as (g & Hg & H). destruct (read_matrix_correct _ _ _ Hg) as (Fg & Rg & Cg & Vg).
  apply bind_ok in H. destruct H as (b & Hb & H). destruct (read_matrix_correct _ _ _ Hb) as (Fb & Rb & Cb & Vb).
  apply bind_ok in H. destruct H as (most & Hm & H). destruct (read_matrix_correct _ _ _ Hm) as (Fm & Rm & Cm & Vm).
  apply bind_ok in H. destruct H as (u1 & H1 & H). apply need_ok in H1. apply Nat.leb_le in H1.
  apply bind_ok in H. destruct H as (u2 & H2 & H). apply need_ok in H2.
  apply andb_prop in H2. destruct H2 as [H2 H4]. apply andb_prop in H2. destruct H2 as [H2 H3].
  apply andb_prop in H3, H4. destruct H3 as [B1 B2], H4 as [W1 W2].
  apply Nat.eqb_eq in H2, B1, B2, W1, W2.
  apply bind_ok in H. destruct H as (u3 & H5 & H). apply need_ok in H5.
  apply andb_prop in H5. destruct H5 as [H5 H7]. apply andb_prop in H5. destruct H5 as [H5 H6].
  apply bind_ok in H. destruct H as (u4 & H8 & H). apply need_ok in H8.
  set (n := m_rows g) in *.
  assert (P1 : formed (m_mul g most)) by (apply formed_mul; assumption).
  assert (P2 : formed (m_sub most (m_mul g most))) by (apply formed_sub; auto; cbn [m_mul m_rows m_columns]; fold n; congruence).
  assert (R2 : m_rows (m_sub most (m_mul g most)) = n) by (unfold m_sub, m_add; destruct (_ =? _)%Z; exact W1).
  assert (C2 : m_columns (m_sub most (m_mul g most)) = 1%nat) by (unfold m_sub, m_add; destruct (_ =? _)%Z; exact W2).
  assert (P3 : formed (m_sub (m_sub most (m_mul g most)) b)) by (apply formed_sub; auto; congruence).
  assert (R3 : m_rows (m_sub (m_sub most (m_mul g most)) b) = n) by (unfold m_sub at 1; unfold m_add at 1; destruct (_ =? _)%Z; exact R2).
  assert (C3 : m_columns (m_sub (m_sub most (m_mul g most)) b) = 1%nat) by (unfold m_sub at 1; unfold m_add at 1; destruct (_ =? _)%Z; exact C2).
  unfold holds. rewrite <- Rg. fold n.
  assert (Eg : forall i j, (i < n)%nat -> (j < n)%nat -> value g i j = meaning s (gains w) i j) by (intros; apply Vg; fold n; lia).
  assert (Eb : forall i, (i < n)%nat -> value b i 0 = meaning s (sources w) i 0) by (intros; apply Vb; lia).
  assert (Em : forall i, (i < n)%nat -> value most i 0 = meaning s (bound w) i 0) by (intros; apply Vm; lia).
  assert (G : forall i j, (i < n)%nat -> (j < n)%nat -> 0 <= meaning s (gains w) i j).
  { intros i j I J. rewrite <- Eg by assumption. apply nonneg_value; auto. fold n. lia. }
  assert (Nm : forall i, (i < n)%nat -> 0 <= meaning s (bound w) i 0).
  { intros i I. rewrite <- Em by exact I. apply nonneg_value; auto; lia. }
  set (gm := meaning s (gains w)) in *. set (bm := fun i => meaning s (sources w) i 0) in *.
  set (wm := fun i => meaning s (bound w) i 0) in *.
  assert (A : below n (step n gm bm wm) wm).
  { intros i I. assert (X := nonneg_value _ i 0 P3 H8). rewrite R3, C3 in X. specialize (X I ltac:(lia)).
    rewrite !value_sub in X by assumption. rewrite value_mul in X by (try assumption; fold n; congruence). rewrite H2 in X.
    rewrite (sum_ext n _ (fun j => gm i j * wm j)) in X by (intros j J; rewrite Eg, Em by assumption; reflexivity).
    rewrite Em, Eb in X by exact I. unfold step, bm, wm in *. lra. }
  split; [|split].
  - intros i I. apply Rle_trans with (step n gm bm wm i); [|apply A, I]. unfold step.
    assert (0 <= sum n (fun j => gm i j * wm j)); [|lra]. apply sum_nonneg. intros j J.
    apply Rmult_le_pos; [apply G; assumption | apply Nm, J].
  - apply below_super; assumption.
  - intros Imp. rewrite Imp in H. cbn [Nat.eqb] in H.
    apply bind_ok in H. destruct H as (v & Hv & H). unfold hint in Hv. apply bind_ok in Hv. destruct Hv as (vw & _ & Hv).
    destruct (read_matrix_correct _ _ _ Hv) as (Fv & _).
    apply bind_ok in H. destruct H as (u5 & H9 & H). apply need_ok in H9, H. apply andb_prop in H9. destruct H9 as [V1 V2].
    apply Nat.eqb_eq in V1, V2. apply andb_prop in H. destruct H as [Q1 Q2].
    assert (P4 : formed (m_mul g v)) by (apply formed_mul; assumption).
    assert (P5 : formed (m_sub v (m_mul g v))) by (apply formed_sub; auto; cbn [m_mul m_rows m_columns]; fold n; congruence).
    apply (below_implicit n gm bm wm (fun i => value v i 0)); auto.
    + intros i I. apply positive_value; auto; lia.
    + intros i I. assert (X := positive_value _ i 0 P5 Q2).
      replace (m_rows (m_sub v (m_mul g v))) with n in X by (unfold m_sub, m_add; destruct (_ =? _)%Z; symmetry; exact V1).
      replace (m_columns (m_sub v (m_mul g v))) with 1%nat in X by (unfold m_sub, m_add; destruct (_ =? _)%Z; symmetry; exact V2).
      specialize (X I ltac:(lia)). rewrite value_sub in X by assumption.
      rewrite value_mul in X by (try assumption; fold n; congruence). rewrite H2 in X.
      rewrite (sum_ext n _ (fun j => gm i j * value v j 0)) in X by (intros j J; rewrite Eg by assumption; reflexivity). lra.
Qed.
