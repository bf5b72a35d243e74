(** *stationary*: what every stationary law of a chain gives for the mean of a function. Spec: statements.md#stationary. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result exact.
From Certify.rules Require Import matrices.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := { chain : matrix_words; values : matrix_words; low : ratio; high : ratio }.

(** ** What it says *)

Open Scope R_scope.

Definition number (q : ratio) : R := IZR (fst q) / IZR (snd q).

(** A law on n states. *)
Definition law (n : nat) (mu : nat -> R) : Prop := (forall i, (i < n)%nat -> 0 <= mu i) /\ sum n mu = 1.

(** Every row is one. *)
Definition stochastic (n : nat) (p : nat -> nat -> R) : Prop := forall i, (i < n)%nat -> law n (p i).

(** mu P: the law one step later. *)
Definition moved (n : nat) (p : nat -> nat -> R) (mu : nat -> R) (j : nat) : R := sum n (fun i => mu i * p i j).

(** mu P^t: the law t steps later. *)
Fixpoint after (n : nat) (p : nat -> nat -> R) (t : nat) (mu : nat -> R) : nat -> R :=
  match t with O => mu | S k => moved n p (after n p k mu) end.

Definition holds (s : store) (w : words) : Prop :=
  let n := mw_rows (chain w) in
  let p := meaning s (chain w) in
  stochastic n p /\
  forall mu, law n mu -> (forall j, (j < n)%nat -> moved n p mu j = mu j) ->
  number (low w) <= sum n (fun i => mu i * meaning s (values w) 0 i) <= number (high w).

(** ** The check *)

Open Scope Z_scope.

(** A square matrix whose rows are laws. *)
Definition laws (m : matrix) : result unit :=
  _ <- need "shape" (m_columns m =? m_rows m)%nat ;;
  need "not-stochastic" (forallb (fun r => forallb (Z.leb 0) r && (total r =? m_den m)) (m_cells m)).

(** f + (P - I) h, as one column. *)
Definition drift (p f h : matrix) : matrix :=
  m_sub (m_add (m_transpose f) (m_mul p (m_transpose h))) (m_transpose h).

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  _ <- need "denominator" ((0 <? snd (low w)) && (0 <? snd (high w))) ;;
  p <- read_matrix s (chain w) ;;
  f <- read_matrix s (values w) ;;
  _ <- laws p ;;
  let row m := ((m_rows m =? 1) && (m_columns m =? m_rows p))%nat in
  _ <- need "shape" (row f) ;;
  g <- hint s e 0 ;;
  _ <- need "shape" (row g) ;;
  h <- hint s e 1 ;;
  _ <- need "shape" (row h) ;;
  let least := drift p f g in
  let most := drift p f h in
  _ <- need "not-below" (forallb (forallb (fun v => fst (low w) * m_den least <=? v * snd (low w))) (m_cells least)) ;;
  need "not-below" (forallb (forallb (fun v => v * snd (high w) <=? fst (high w) * m_den most)) (m_cells most)).

(** ** It is sound *)

Open Scope R_scope.

Lemma total_sum : forall r, IZR (total r) = sum (length r) (fun k => IZR (nth k r 0%Z)).
Proof.
  induction r as [|x r IH]; [reflexivity|]. cbn [length]. rewrite sum_shift. cbn [nth].
  change (total (x :: r)) with (x + total r)%Z. rewrite plus_IZR, IH. reflexivity.
Qed.

Lemma laws_stochastic m u : formed m -> laws m = Ok u -> m_columns m = m_rows m /\ stochastic (m_rows m) (value m).
Proof.
  intros (D & R1 & C1 & L & W) H. unfold laws in H. apply bind_ok in H. destruct H as (u1 & H1 & H).
  apply need_ok in H1, H. apply Nat.eqb_eq in H1. split; [exact H1|]. intros i I.
  assert (Dp : 0 < IZR (m_den m)) by (apply IZR_lt; exact D).
  assert (In0 : In (nth i (m_cells m) []) (m_cells m)) by (apply nth_In; lia).
  rewrite forallb_forall in H. specialize (H _ In0). apply andb_prop in H. destruct H as [P T]. apply Z.eqb_eq in T.
  rewrite Forall_forall in W. assert (Lr := W _ In0). rewrite forallb_forall in P. split.
  - intros j J. unfold value, cell. apply Rmult_le_pos; [|left; apply Rinv_0_lt_compat; exact Dp].
    apply IZR_le, Z.leb_le, P, nth_In. lia.
  - unfold value, cell.
    rewrite (sum_ext _ _ (fun j => / IZR (m_den m) * IZR (nth j (nth i (m_cells m) []) 0%Z))) by (intros; unfold Rdiv; ring).
    rewrite sum_scale, <- H1, <- Lr, <- total_sum, T. field. lra.
Qed.

(** Entries of a matrix, seen through [forallb]. *)
Lemma all_cells (m : matrix) (test : Z -> bool) i j : formed m -> forallb (forallb test) (m_cells m) = true ->
  (i < m_rows m)%nat -> (j < m_columns m)%nat -> test (cell (m_cells m) i j) = true.
Proof.
  intros (D & R1 & C1 & L & W) H I J. rewrite forallb_forall in H.
  assert (In0 : In (nth i (m_cells m) []) (m_cells m)) by (apply nth_In; lia). specialize (H _ In0).
  rewrite forallb_forall in H. apply H. unfold cell. apply nth_In. rewrite Forall_forall in W. rewrite (W _ In0). exact J.
Qed.

Lemma drift_value p f h n i : formed p -> formed f -> formed h -> m_rows p = n -> m_columns p = n ->
  m_rows f = 1%nat -> m_columns f = n -> m_rows h = 1%nat -> m_columns h = n ->
  formed (drift p f h) /\ m_rows (drift p f h) = n /\ m_columns (drift p f h) = 1%nat /\
  value (drift p f h) i 0 = value f 0 i + sum n (fun j => value p i j * value h 0 j) - value h 0 i.
Proof.
  intros Fp Ff Fh Rp Cp Rf Cf Rh Ch.
  assert (Tf := formed_transpose f Ff). assert (Th := formed_transpose h Fh).
  assert (Fm := formed_mul p (m_transpose h) Fp Th).
  assert (Fa : formed (m_add (m_transpose f) (m_mul p (m_transpose h)))).
  { apply formed_add; auto; cbn [m_mul m_transpose m_rows m_columns]; congruence. }
  assert (Ra : m_rows (m_add (m_transpose f) (m_mul p (m_transpose h))) = n).
  { unfold m_add. destruct (_ =? _)%Z; exact Cf. }
  assert (Ca : m_columns (m_add (m_transpose f) (m_mul p (m_transpose h))) = 1%nat).
  { unfold m_add. destruct (_ =? _)%Z; exact Rf. }
  unfold drift. repeat split.
  1-5: apply formed_sub; auto; cbn [m_transpose m_rows m_columns]; congruence.
  - unfold m_sub. unfold m_add at 1. destruct (_ =? _)%Z; exact Ra.
  - unfold m_sub. unfold m_add at 1. destruct (_ =? _)%Z; exact Ca.
  - rewrite value_sub, value_add by assumption. rewrite value_mul by (try assumption; cbn [m_transpose m_rows]; congruence).
    rewrite !value_transpose, Cp. f_equal. f_equal. apply sum_ext. intros j _. rewrite value_transpose. reflexivity.
Qed.

(** The mean of the drift under a stationary law is the mean of f. *)
Lemma mean_of_drift n p f h mu : (forall j, (j < n)%nat -> moved n p mu j = mu j) ->
  sum n (fun i => mu i * (f i + sum n (fun j => p i j * h j) - h i)) = sum n (fun i => mu i * f i).
Proof.
  intros S.
  rewrite (sum_ext n _ (fun i => mu i * f i + (sum n (fun j => mu i * p i j * h j) + - (mu i * h i)))).
  2: { intros i _. rewrite (sum_ext n (fun j => mu i * p i j * h j) (fun j => mu i * (p i j * h j))) by (intros; ring).
       rewrite sum_scale. ring. }
  rewrite !sum_add, sum_opp, sum_swap.
  rewrite (sum_ext n (fun j => sum n (fun i => mu i * p i j * h j)) (fun j => mu j * h j)); [ring|].
  intros j J. rewrite <- (S j J). unfold moved. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros i _. ring.
Qed.

Theorem stationary_correct s w e : check s w e = Ok tt -> holds s w.
Proof.
  intros H. unfold check in H.
  apply bind_ok in H. destruct H as (u0 & H0 & H). apply need_ok in H0. apply andb_prop in H0. destruct H0 as [D1 D2].
  apply Z.ltb_lt in D1, D2.
  apply bind_ok in H. destruct H as (p & Hp & H). destruct (read_matrix_correct _ _ _ Hp) as (Fp & Rp & Cp & Vp).
  apply bind_ok in H. destruct H as (f & Hf & H). destruct (read_matrix_correct _ _ _ Hf) as (Ff & Rf & Cf & Vf).
  apply bind_ok in H. destruct H as (u1 & H1 & H). destruct (laws_stochastic p u1 Fp H1) as [Sq St].
  apply bind_ok in H. destruct H as (u2 & H2 & H). apply need_ok in H2. apply andb_prop in H2. destruct H2 as [F1 F2].
  apply bind_ok in H. destruct H as (g & Hg & H). unfold hint in Hg. apply bind_ok in Hg. destruct Hg as (gw & _ & Hg).
  destruct (read_matrix_correct _ _ _ Hg) as (Fg & _).
  apply bind_ok in H. destruct H as (u3 & H3 & H). apply need_ok in H3. apply andb_prop in H3. destruct H3 as [G1 G2].
  apply bind_ok in H. destruct H as (h & Hh & H). unfold hint in Hh. apply bind_ok in Hh. destruct Hh as (hw & _ & Hh).
  destruct (read_matrix_correct _ _ _ Hh) as (Fh & _).
  apply bind_ok in H. destruct H as (u4 & H4 & H). apply need_ok in H4. apply andb_prop in H4. destruct H4 as [K1 K2].
  apply bind_ok in H. destruct H as (u5 & H5 & H). apply need_ok in H5, H.
  apply Nat.eqb_eq in F1, F2, G1, G2, K1, K2. set (n := m_rows p) in *.
  unfold holds. rewrite <- Rp. fold n.
  assert (Vpn : forall i j, (i < n)%nat -> (j < n)%nat -> value p i j = meaning s (chain w) i j) by (intros; apply Vp; fold n; lia).
  assert (Vfn : forall i, (i < n)%nat -> value f 0 i = meaning s (values w) 0 i) by (intros; apply Vf; lia).
  split.
  - intros i I. destruct (St i I) as [P T]. split; [intros j J; rewrite <- Vpn by assumption; apply P, J|].
    rewrite <- T. apply sum_ext. intros j J. symmetry. apply Vpn; assumption.
  - intros mu [M1 M2] S.
    assert (S' : forall j, (j < n)%nat -> moved n (value p) mu j = mu j).
    { intros j J. rewrite <- (S j J). unfold moved. apply sum_ext. intros i I. rewrite Vpn by assumption. reflexivity. }
    assert (E : forall k, sum n (fun i => mu i * (value f 0 i + sum n (fun j => value p i j * value k 0 j) - value k 0 i))
                 = sum n (fun i => mu i * meaning s (values w) 0 i)).
    { intros k. rewrite (mean_of_drift n (value p) (value f 0) (value k 0) mu S'). apply sum_ext. intros i I.
      rewrite Vfn by exact I. reflexivity. }
    assert (C : forall c, c = sum n (fun i => mu i * c)).
    { intros c. rewrite (sum_ext n _ (fun i => c * mu i)) by (intros; ring). rewrite sum_scale, M2. ring. }
    unfold number. split.
    + rewrite (C (IZR (fst (low w)) / IZR (snd (low w)))), <- (E g). apply sum_le. intros i I.
      apply Rmult_le_compat_l; [apply M1, I|].
      destruct (drift_value p f g n i Fp Ff Fg eq_refl Sq F1 F2 G1 G2) as (Fd & Rd & Cd & Vd). rewrite <- Vd.
      assert (X := all_cells _ _ i 0 Fd H5). rewrite Rd, Cd in X. specialize (X I ltac:(lia)). apply Z.leb_le, IZR_le in X.
      rewrite !mult_IZR in X. destruct Fd as (Dd & _). apply IZR_lt in Dd, D1. unfold value.
      apply (Rmult_le_reg_r (IZR (snd (low w)) * IZR (m_den (drift p f g)))); [apply Rmult_lt_0_compat; assumption|].
      replace (IZR (fst (low w)) / IZR (snd (low w)) * (IZR (snd (low w)) * IZR (m_den (drift p f g))))
        with (IZR (fst (low w)) * IZR (m_den (drift p f g))) by (field; lra).
      replace (IZR (cell (m_cells (drift p f g)) i 0) / IZR (m_den (drift p f g)) * (IZR (snd (low w)) * IZR (m_den (drift p f g))))
        with (IZR (cell (m_cells (drift p f g)) i 0) * IZR (snd (low w))) by (field; lra). exact X.
    + rewrite (C (IZR (fst (high w)) / IZR (snd (high w)))), <- (E h). apply sum_le. intros i I.
      apply Rmult_le_compat_l; [apply M1, I|].
      destruct (drift_value p f h n i Fp Ff Fh eq_refl Sq F1 F2 K1 K2) as (Fd & Rd & Cd & Vd). rewrite <- Vd.
      assert (X := all_cells _ _ i 0 Fd H). rewrite Rd, Cd in X. specialize (X I ltac:(lia)). apply Z.leb_le, IZR_le in X.
      rewrite !mult_IZR in X. destruct Fd as (Dd & _). apply IZR_lt in Dd, D2. unfold value.
      apply (Rmult_le_reg_r (IZR (snd (high w)) * IZR (m_den (drift p f h)))); [apply Rmult_lt_0_compat; assumption|].
      replace (IZR (fst (high w)) / IZR (snd (high w)) * (IZR (snd (high w)) * IZR (m_den (drift p f h))))
        with (IZR (fst (high w)) * IZR (m_den (drift p f h))) by (field; lra).
      replace (IZR (cell (m_cells (drift p f h)) i 0) / IZR (m_den (drift p f h)) * (IZR (snd (high w)) * IZR (m_den (drift p f h))))
        with (IZR (cell (m_cells (drift p f h)) i 0) * IZR (snd (high w))) by (field; lra). exact X.
Qed.
