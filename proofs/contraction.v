(** Chains bring laws together: l1 norms, Dobrushin's coefficient, and what is left of errors made at every step.

    [contracts_of_rows]: a chain shrinks the distance of two laws by half the largest l1 distance of two of its rows.
    [never_above]: errors made at every step of a chain whose power s contracts add up to no more than a bound. *)
From Coq Require Import ZArith Reals Lia Lra List.
From Certify Require Import vectors exact.
From Certify.statements Require Import stationary.
Open Scope R_scope.

(** ** Definitions *)

Definition l1 (n : nat) (x : nat -> R) : R := sum n (fun i => Rabs (x i)).

(** c is at least Dobrushin's coefficient of P^t. *)
Definition contracts (n : nat) (p : nat -> nat -> R) (t : nat) (c : R) : Prop :=
  forall x, sum n x = 0 -> l1 n (after n p t x) <= c * l1 n x.

(** The law that is at i. *)
Definition at_state (i k : nat) : R := if Nat.eqb i k then 1 else 0.

(** ** Norms *)

Lemma l1_nonneg n x : 0 <= l1 n x.
Proof. apply sum_nonneg. intros i _. apply Rabs_pos. Qed.

Lemma l1_ext n x y : (forall i, (i < n)%nat -> x i = y i) -> l1 n x = l1 n y.
Proof. intros E. apply sum_ext. intros i I. rewrite (E i I). reflexivity. Qed.

Lemma l1_triangle n x y z : (forall i, (i < n)%nat -> z i = x i + y i) -> l1 n z <= l1 n x + l1 n y.
Proof.
  intros E. unfold l1. rewrite <- sum_add. apply sum_le. intros i I. rewrite (E i I). apply Rabs_triang.
Qed.

Lemma l1_opp n x : l1 n (fun i => - x i) = l1 n x.
Proof. apply sum_ext. intros i _. apply Rabs_Ropp. Qed.

Lemma Rabs_sum n f : Rabs (sum n f) <= sum n (fun i => Rabs (f i)).
Proof.
  induction n as [|n IH]; simpl; [rewrite Rabs_R0; lra|].
  apply Rle_trans with (Rabs (sum n f) + Rabs (f n)); [apply Rabs_triang | lra].
Qed.

(** sum_i x_i q_i, for weights x and vectors q_i no longer than c. *)
Lemma l1_mixed n m x q c : (forall i, (i < n)%nat -> l1 m (q i) <= c) ->
  l1 m (fun j => sum n (fun i => x i * q i j)) <= c * l1 n x.
Proof.
  intros Q. apply Rle_trans with (sum m (fun j => sum n (fun i => Rabs (x i) * Rabs (q i j)))).
  - apply sum_le. intros j _. apply Rle_trans with (1 := Rabs_sum n _). apply sum_le. intros i _.
    rewrite Rabs_mult. lra.
  - rewrite sum_swap. unfold l1 at 1. rewrite <- sum_scale. apply sum_le. intros i I. rewrite sum_scale.
    rewrite Rmult_comm. apply Rmult_le_compat_r; [apply Rabs_pos | apply Q, I].
Qed.

Lemma l1_law n x : law n x -> l1 n x = 1.
Proof.
  intros [P T]. rewrite <- T. apply sum_ext. intros i I. apply Rabs_pos_eq, P, I.
Qed.

(** ** Chains *)

Lemma after_plus n p s t x : after n p (s + t) x = after n p s (after n p t x).
Proof. induction s as [|s IH]; simpl; [reflexivity|]. rewrite IH. reflexivity. Qed.

Lemma after_last n p t x : after n p (S t) x = after n p t (moved n p x).
Proof. rewrite <- Nat.add_1_r. apply (after_plus n p t 1). Qed.

Lemma moved_sub n p x y j : moved n p (fun i => x i - y i) j = moved n p x j - moved n p y j.
Proof.
  unfold moved.
  rewrite (sum_ext n _ (fun i => x i * p i j + - (y i * p i j))) by (intros; ring). rewrite sum_add, sum_opp. ring.
Qed.

Lemma after_sub n p t x y j : (j < n)%nat -> after n p t (fun i => x i - y i) j = after n p t x j - after n p t y j.
Proof.
  revert j. induction t as [|t IH]; intros j J; simpl; [reflexivity|]. rewrite <- moved_sub.
  apply sum_ext. intros i I. rewrite (IH i I). reflexivity.
Qed.

(** A chain is known from the rows of its powers. *)
Lemma after_rows n p t x j : (j < n)%nat -> after n p t x j = sum n (fun i => x i * after n p t (at_state i) j).
Proof.
  revert j. induction t as [|t IH]; intros j J; simpl.
  - unfold at_state. rewrite (sum_ext n _ (fun i => if Nat.eqb j i then x i else 0)).
    + symmetry. apply sum_delta, J.
    + intros i _. rewrite Nat.eqb_sym. destruct (Nat.eqb j i); ring.
  - unfold moved. rewrite (sum_ext n _ (fun k => sum n (fun i => x i * (after n p t (at_state i) k * p k j)))).
    + rewrite sum_swap. apply sum_ext. intros i _. rewrite sum_scale. reflexivity.
    + intros k K. rewrite (IH k K), Rmult_comm, <- sum_scale. apply sum_ext. intros i _. ring.
Qed.

Section Chain.
Variable n : nat.
Variable p : nat -> nat -> R.
Hypothesis St : stochastic n p.

Lemma moved_total x : sum n (moved n p x) = sum n x.
Proof.
  unfold moved. rewrite sum_swap. apply sum_ext. intros i I. rewrite sum_scale. destruct (St i I) as [_ T].
  rewrite T. ring.
Qed.

Lemma moved_law x : law n x -> law n (moved n p x).
Proof.
  intros [P T]. split; [|rewrite moved_total; exact T]. intros j J. apply sum_nonneg. intros i I.
  apply Rmult_le_pos; [apply P, I | apply (St i I), J].
Qed.

Lemma after_law t x : law n x -> law n (after n p t x).
Proof. intros L. induction t as [|t IH]; [exact L | apply moved_law, IH]. Qed.

Lemma after_total t x : sum n (after n p t x) = sum n x.
Proof. induction t as [|t IH]; [reflexivity|]. simpl. rewrite moved_total. exact IH. Qed.

Lemma moved_short x : l1 n (moved n p x) <= l1 n x.
Proof.
  rewrite <- (Rmult_1_l (l1 n x)). apply l1_mixed. intros i I. rewrite (l1_law n (p i) (St i I)). lra.
Qed.

Lemma after_short t x : l1 n (after n p t x) <= l1 n x.
Proof. induction t as [|t IH]; simpl; [lra|]. apply Rle_trans with (2 := IH). apply moved_short. Qed.
End Chain.

(** ** Dobrushin's coefficient *)

Lemma sum_zero_each n f k : (forall i, (i < n)%nat -> 0 <= f i) -> sum n f = 0 -> (k < n)%nat -> f k = 0.
Proof.
  induction n as [|n IH]; intros P T K; [lia|]. simpl in T.
  assert (0 <= sum n f) by (apply sum_nonneg; auto with arith). assert (0 <= f n) by auto with arith.
  destruct (Nat.eq_dec k n) as [-> | N]; [lra|]. apply IH; [auto with arith | lra | lia].
Qed.

(** x = p - q with p, q >= 0 of one total w; w x Q is the sum of p_i q_k (Q_i - Q_k). *)
Lemma mixed_apart n m x q c : sum n x = 0 ->
  (forall i k, (i < n)%nat -> (k < n)%nat -> l1 m (fun j => q i j - q k j) <= 2 * c) ->
  l1 m (fun j => sum n (fun i => x i * q i j)) <= c * l1 n x.
Proof.
  intros X Q. set (u i := Rmax (x i) 0). set (v i := Rmax (- x i) 0). set (w := sum n u).
  assert (U : forall i, 0 <= u i) by (intros; apply Rmax_r). assert (V : forall i, 0 <= v i) by (intros; apply Rmax_r).
  assert (D : forall i, x i = u i - v i) by (intros; unfold u, v, Rmax; destruct (Rle_dec _ _), (Rle_dec _ _); lra).
  assert (A : forall i, Rabs (x i) = u i + v i).
  { intros i. unfold u, v, Rmax, Rabs. destruct (Rcase_abs _), (Rle_dec _ _), (Rle_dec _ _); lra. }
  assert (Wv : sum n v = w).
  { rewrite (sum_ext n x (fun i => u i + - v i)) in X by (intros; rewrite D; ring). rewrite sum_add, sum_opp in X.
    unfold w. lra. }
  assert (L : l1 n x = 2 * w).
  { unfold l1. rewrite (sum_ext n _ (fun i => u i + v i)) by (intros; apply A). rewrite sum_add, Wv. unfold w. ring. }
  assert (W : 0 <= w) by (apply sum_nonneg; intros; apply U).
  destruct (Req_dec w 0) as [Z | Z].
  - assert (Zero : forall i, (i < n)%nat -> x i = 0).
    { intros i I. assert (E : u i = 0) by (apply (sum_zero_each n u); auto).
      assert (F : v i = 0) by (apply (sum_zero_each n v); auto; lra).
      rewrite D. lra. }
    rewrite L, Z. unfold l1. rewrite (sum_ext m _ (fun _ => 0)), sum_zero; [lra|]. intros j _.
    rewrite (sum_ext n _ (fun _ => 0)), sum_zero, Rabs_R0; [reflexivity|]. intros i I. rewrite (Zero i I). ring.
  - assert (B : w * l1 m (fun j => sum n (fun i => x i * q i j)) <=
      w * (c * l1 n x)); [|apply Rmult_le_reg_l with w; lra].
    apply Rle_trans with (sum m (fun j => sum n (fun i => sum n (fun k => u i * v k * Rabs (q i j - q k j))))).
    + unfold l1. rewrite <- sum_scale. apply sum_le. intros j _.
      assert (E : w * sum n (fun i => x i * q i j) = sum n (fun i => sum n (fun k => u i * v k * (q i j - q k j)))).
      { rewrite (sum_ext n (fun i => x i * q i j) (fun i => u i * q i j + - (v i * q i j)))
          by (intros; rewrite D; ring).
        rewrite sum_add, sum_opp.
        rewrite (sum_ext n (fun i => sum n _) (fun i => w * (u i * q i j) + - (u i * sum n (fun k => v k * q k j)))).
        - rewrite sum_add, sum_opp, sum_scale.
          rewrite (sum_ext n (fun i => u i * sum n _) (fun i => sum n (fun k => v k * q k j) * u i)) by (intros; ring).
          rewrite sum_scale. fold w. ring.
        - intros i _. rewrite (sum_ext n _ (fun k => (u i * q i j) * v k + - (u i * (v k * q k j)))) by (intros; ring).
          rewrite sum_add, sum_opp, !sum_scale, Wv. ring. }
      rewrite <- (Rabs_pos_eq w W) at 1. rewrite <- Rabs_mult, E.
      apply Rle_trans with (1 := Rabs_sum n _). apply sum_le. intros i _.
      apply Rle_trans with (1 := Rabs_sum n _). apply sum_le. intros k _.
      rewrite Rabs_mult, (Rabs_pos_eq (u i * v k)); [lra|]. apply Rmult_le_pos; auto.
    + rewrite sum_swap. apply Rle_trans with (sum n (fun i => u i * (2 * c * w))).
      * apply sum_le. intros i I. rewrite sum_swap. apply Rle_trans with (sum n (fun k => u i * (2 * c) * v k)).
        -- apply sum_le. intros k K. rewrite sum_scale. specialize (Q i k I K). unfold l1 in Q.
           assert (u i * v k * sum m (fun j => Rabs (q i j - q k j)) <= u i * v k * (2 * c)); [|lra].
           apply Rmult_le_compat_l; [apply Rmult_le_pos; auto | exact Q].
        -- rewrite sum_scale, Wv. lra.
      * rewrite (sum_ext n _ (fun i => 2 * c * w * u i)) by (intros; ring). rewrite sum_scale. fold w. rewrite L. lra.
Qed.

(** Half the largest l1 distance of two rows of P^t. *)
Theorem contracts_of_rows n p t c :
  (forall i k, (i < n)%nat -> (k < n)%nat ->
   l1 n (fun j => after n p t (at_state i) j - after n p t (at_state k) j) <= 2 * c) ->
  contracts n p t c.
Proof.
  intros Q x X. rewrite (l1_ext n _ (fun j => sum n (fun i => x i * after n p t (at_state i) j))).
  - apply mixed_apart; assumption.
  - intros j J. apply after_rows, J.
Qed.

(** ** Errors at every step *)

Section Errors.
Variable n : nat.
Variable p : nat -> nat -> R.
Hypothesis St : stochastic n p.

(** Vectors d_0, d_1, .. whose entries sum to zero, with d_(t+1) = d_t P up to eps. *)
Variable d : nat -> nat -> R.
Variable eps : R.
Hypothesis Zero : forall t, sum n (d t) = 0.
Hypothesis Step : forall t, l1 n (fun j => d (S t) j - moved n p (d t) j) <= eps.

(** Errors of t steps in a row come to no more than c. *)
Definition gathers (t : nat) (c : R) : Prop :=
  forall r, l1 n (fun j => d (t + r)%nat j - after n p t (d r) j) <= c.

Lemma gathers_none : gathers 0 0.
Proof.
  intros r. simpl. rewrite (l1_ext n _ (fun _ => 0)) by (intros; ring). unfold l1. rewrite Rabs_R0, sum_zero. lra.
Qed.

Lemma gathers_more t c tau : 0 <= tau -> contracts n p t tau -> gathers t c -> gathers (S t) (c + tau * eps).
Proof.
  intros T C G r.
  apply Rle_trans with (l1 n (fun j => d (t + S r)%nat j - after n p t (d (S r)) j) +
                        l1 n (after n p t (fun j => d (S r) j - moved n p (d r) j))).
  - apply l1_triangle. intros j J. rewrite after_sub by exact J. rewrite after_last, Nat.add_succ_r. simpl. ring.
  - apply Rplus_le_compat; [apply G|].
    apply Rle_trans with (tau * l1 n (fun j => d (S r) j - moved n p (d r) j)).
    + apply C. rewrite (sum_ext n _ (fun j => d (S r) j + - moved n p (d r) j)) by (intros; ring).
      rewrite sum_add, sum_opp, (moved_total n p St), !Zero. ring.
    + apply Rmult_le_compat_l; [exact T | apply Step].
Qed.

Lemma gathered_from t c r : gathers t c -> l1 n (d (t + r)%nat) <= l1 n (after n p t (d r)) + c.
Proof.
  intros G. apply Rle_trans with (l1 n (after n p t (d r)) + l1 n (fun j => d (t + r)%nat j - after n p t (d r) j)).
  - apply l1_triangle. intros j _. ring.
  - apply Rplus_le_compat_l, G.
Qed.

Lemma gathered_short t c r : gathers t c -> l1 n (d (t + r)%nat) <= l1 n (d r) + c.
Proof. intros G. assert (A := gathered_from t c r G). assert (B := after_short n p St t (d r)). lra. Qed.

Lemma gathered_contracted t c tau r : contracts n p t tau -> gathers t c ->
  l1 n (d (t + r)%nat) <= tau * l1 n (d r) + c.
Proof. intros C G. assert (A := gathered_from t c r G). assert (B := C (d r) (Zero r)). lra. Qed.

(** Before s: what has come together; from s on, s steps after s steps: a geometric series. *)
Theorem never_above s tau c delta limit : 0 <= tau < 1 -> 0 <= c -> 0 <= delta -> contracts n p s tau -> gathers s c ->
  l1 n (d 0%nat) <= delta -> (forall t, (t < s)%nat -> l1 n (d t) <= delta + c) -> (forall t, (t < s)%nat ->
    l1 n (d t) <= limit) ->
  tau * delta * (1 - tau) + c <= limit * (1 - tau) -> forall t, l1 n (d t) <= limit.
Proof.
  intros [T0 T1] C0 D0 C G D Early Low High.
  set (series := c / (1 - tau)).
  assert (E : series = tau * series + c) by (unfold series; field; lra).
  assert (Sc : c <= series).
  { apply Rmult_le_reg_r with (1 - tau); [lra|]. replace (series * (1 - tau)) with c by (unfold series; field; lra).
    assert (0 <= c * tau) by (apply Rmult_le_pos; lra). lra. }
  assert (F : tau * delta + series <= limit).
  { apply Rmult_le_reg_r with (1 - tau); [lra|]. rewrite Rmult_plus_distr_r.
    replace (series * (1 - tau)) with c by (unfold series; field; lra). lra. }
  assert (TD : tau * delta <= delta) by (rewrite <- (Rmult_1_l delta) at 2; apply Rmult_le_compat_r; lra).
  assert (Late : forall t, l1 n (d t) <= delta + series -> l1 n (d (s + t)%nat) <= tau * delta + series).
  { intros t B. assert (A := gathered_contracted s c tau t C G).
    assert (tau * l1 n (d t) <= tau * (delta + series)) by (apply Rmult_le_compat_l; assumption). lra. }
  destruct s as [|s].
  - intros t. assert (A := gathered_contracted 0 c tau t C G). simpl in A.
    assert (N := l1_nonneg n (d t)).
    assert (l1 n (d t) <= series); [|assert (0 <= tau * delta) by (apply Rmult_le_pos; assumption); lra].
    apply Rmult_le_reg_r with (1 - tau); [lra|]. replace (series * (1 - tau)) with c by (unfold series; field; lra).
    lra.
  - assert (All : forall t, l1 n (d t) <= delta + series).
    { intros t. induction t as [t IH] using lt_wf_ind. destruct (Nat.lt_ge_cases t (S s)) as [L | L].
      - specialize (Early t L). lra.
      - replace t with (S s + (t - S s))%nat by lia. specialize (Late (t - S s)%nat (IH (t - S s)%nat ltac:(lia))).
        lra. }
    intros t. destruct (Nat.lt_ge_cases t (S s)) as [L | L]; [apply Low, L|].
    replace t with (S s + (t - S s))%nat by lia. specialize (Late (t - S s)%nat (All (t - S s)%nat)). lra.
Qed.
End Errors.
