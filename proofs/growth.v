(** Exact matrices that show dissipation: how x' X x grows along x+ = A x + B u or x' = A x + B u, and what is left of
    gamma^2 |u|^2 when that and |C x + D u|^2 are taken away. What kind *gain* computes. Spec: statements.md#gain. *)
From Coq Require Import ZArith Reals Lia Lra Bool.
From Certify Require Import vectors result exact forms dissipation.
From Certify.rules Require Import matrices.
From Certify.statements Require lipschitz difference_gain.
Open Scope Z_scope.

(** What x' X x grows by as a form of x and u: at x alone, between the two, at u. X is symmetric: X A = (A' X)'. *)
Definition growth (time : nat) (a b x : matrix) : matrix * matrix * matrix :=
  let turned := m_mul (m_transpose a) x in
  if (time =? 0)%nat then (m_sub (m_mul turned a) x, m_mul turned b, m_mul (m_mul (m_transpose b) x) b)
  else (m_add turned (m_transpose turned), m_mul x b, m_zero (m_columns b) (m_columns b)).

(** num / den |u|^2 less |C x + D u|^2 and less what is grown. *)
Definition dissipated (num den : Z) (c d : matrix) (grown : matrix * matrix * matrix) : matrix :=
  let '(state, mixed, fed) := grown in
  let turned := m_transpose c in
  let mixed := m_add mixed (m_mul turned d) in
  let fed := m_sub (m_add fed (m_mul (m_transpose d) d)) (m_times num den (m_identity (m_columns d))) in
  m_opp (m_above (m_beside (m_add state (m_mul turned c)) mixed) (m_beside (m_transpose mixed) fed)).

(** ** Shapes *)

Open Scope R_scope.

Definition shaped (m : matrix) (r c : nat) : Prop := formed m /\ m_rows m = r /\ m_columns m = c.

Lemma shaped_add a b r c : shaped a r c -> shaped b r c -> shaped (m_add a b) r c.
Proof.
  intros (Fa & Ra & Ca) (Fb & Rb & Cb). split; [apply formed_add; congruence|].
  unfold m_add. destruct (_ =? _)%Z; split; assumption.
Qed.

Lemma shaped_opp a r c : shaped a r c -> shaped (m_opp a) r c.
Proof. intros (F & S). split; [apply formed_opp; exact F | exact S]. Qed.

Lemma shaped_sub a b r c : shaped a r c -> shaped b r c -> shaped (m_sub a b) r c.
Proof. intros A B. apply shaped_add; [exact A | apply shaped_opp, B]. Qed.

Lemma shaped_transpose a r c : shaped a r c -> shaped (m_transpose a) c r.
Proof. intros (F & R & C). split; [apply formed_transpose; exact F | split; assumption]. Qed.

Lemma shaped_mul a b r k c : shaped a r k -> shaped b k c -> shaped (m_mul a b) r c.
Proof. intros (Fa & Ra & Ca) (Fb & Rb & Cb). split; [apply formed_mul; assumption | split; assumption]. Qed.

Lemma shaped_above a b r k c : shaped a r c -> shaped b k c -> shaped (m_above a b) (r + k) c.
Proof.
  intros (Fa & Ra & Ca) (Fb & Rb & Cb). split; [apply formed_above; congruence|].
  rewrite difference_gain.above_rows, difference_gain.above_columns. split; congruence.
Qed.

Lemma shaped_beside a b r k c : shaped a r k -> shaped b r c -> shaped (m_beside a b) r (k + c).
Proof.
  intros (Fa & Ra & Ca) (Fb & Rb & Cb). split; [apply formed_beside; congruence|].
  rewrite difference_gain.beside_rows, difference_gain.beside_columns. split; congruence.
Qed.

Lemma shaped_identity n num den : (1 <= n)%nat -> (0 < den)%Z -> shaped (m_times num den (m_identity n)) n n.
Proof. intros N D. split; [apply formed_times; [apply formed_identity; exact N | exact D] | split; reflexivity]. Qed.

Lemma shaped_zero r c : (1 <= r)%nat -> (1 <= c)%nat -> shaped (m_zero r c) r c.
Proof. intros R C. split; [apply formed_zero; assumption | split; reflexivity]. Qed.

Lemma value_product a b r k c i j : shaped a r k -> shaped b k c ->
  value (m_mul a b) i j = sum k (fun l => value a i l * value b l j).
Proof. intros (Fa & Ra & Ca) (Fb & Rb & Cb). rewrite value_mul by congruence. rewrite Ca. reflexivity. Qed.

(** What rule *psd* accepts is symmetric. *)
Lemma shown_symmetric s e m k : shown_positive s e m k = Ok tt -> symmetric_on (m_rows m) (value m).
Proof.
  intros H. unfold shown_positive in H. ok H. unfold positive in H. apply bind_ok in H. destruct H as (u & H & _).
  apply need_ok, andb_prop in H. destruct H as [_ H]. apply rows_equal_ok in H. intros i j _ _. unfold value.
  rewrite H at 1. rewrite cell_transposed. reflexivity.
Qed.

(** M x for matrices of one shape. *)
Lemma grown_is m r c x i : shaped m r c -> lipschitz.grown m x i = map_of c (value m) x i.
Proof. intros (_ & _ & C). unfold lipschitz.grown, map_of. rewrite C. reflexivity. Qed.

(** ** What they are worth *)

Section Dissipation.
Variables (n m p : nat) (a b c d x : matrix).
Hypothesis (A : shaped a n n) (B : shaped b n m) (C : shaped c p n) (D : shaped d p m) (X : shaped x n n).
Hypothesis (Mirror : symmetric_on n (value x)).

Let next (z w : nat -> R) (i : nat) : R := map_of n (value a) z i + map_of m (value b) w i.
Let out (z w : nat -> R) (i : nat) : R := map_of n (value c) z i + map_of m (value d) w i.

Definition grows (g : matrix * matrix * matrix) (z w : nat -> R) : R :=
  let '(state, mixed, fed) := g in
  form n (value state) z + 2 * pairing n m (value mixed) z w + form m (value fed) w.

Definition growth_shaped (g : matrix * matrix * matrix) : Prop :=
  let '(state, mixed, fed) := g in shaped state n n /\ shaped mixed n m /\ shaped fed m m.

Lemma sizes : (1 <= n)%nat /\ (1 <= m)%nat.
Proof. destruct B as ((_ & R1 & C1 & _) & R2 & C2). rewrite R2 in R1. rewrite C2 in C1. auto. Qed.

Lemma dissipated_correct num den g : (0 < den)%Z -> growth_shaped g ->
  let f := dissipated num den c d g in
  shaped f (n + m)%nat (n + m)%nat /\
  ((forall z, 0 <= form (n + m) (value f) z) ->
   forall z w, grows g z w + norm2 p (out z w) <= IZR num / IZR den * norm2 m w).
Proof.
  intros P. destruct g as [[state mixed] fed]. intros (S & M & F) f. destruct sizes as [N1 M1].
  set (mixed' := m_add mixed (m_mul (m_transpose c) d)) in f.
  set (state' := m_add state (m_mul (m_transpose c) c)) in f.
  set (fed' := m_sub (m_add fed (m_mul (m_transpose d) d)) (m_times num den (m_identity (m_columns d)))) in f.
  assert (CT := shaped_transpose _ _ _ C). assert (DT := shaped_transpose _ _ _ D).
  assert (CC := shaped_mul _ _ _ _ _ CT C). assert (CD := shaped_mul _ _ _ _ _ CT D).
  assert (DD := shaped_mul _ _ _ _ _ DT D).
  assert (I := shaped_identity m num den M1 P).
  assert (Dm : m_columns d = m) by apply D.
  assert (S' : shaped state' n n) by (apply shaped_add; assumption).
  assert (M' : shaped mixed' n m) by (apply shaped_add; assumption).
  assert (F' : shaped fed' m m).
  { unfold fed'. rewrite Dm. apply shaped_sub; [apply shaped_add; assumption | exact I]. }
  assert (MT := shaped_transpose _ _ _ M').
  assert (Top := shaped_beside _ _ _ _ _ S' M'). assert (Low := shaped_beside _ _ _ _ _ MT F').
  assert (W := shaped_above _ _ _ _ _ Top Low).
  split; [apply shaped_opp; exact W|].
  intros H z w. specialize (H (lipschitz.both n z w)).
  assert (Cell : forall i j, value f i j =
    - (if Nat.ltb i n then if Nat.ltb j n then value state' i j else value mixed' i (j - n)
       else if Nat.ltb j n then value mixed' j (i - n) else value fed' (i - n) (j - n))).
  { intros i j. unfold f, dissipated. fold mixed' state' fed'. rewrite value_opp. f_equal.
    destruct S' as (Fs & Rs & Cs), M' as (Fm & Rm & Cm), F' as (Ff & Rf & Cf), MT as (Ft & Rt & Ct).
    destruct Top as (Ftop & Rtop & Ctop), Low as (Flow & Rlow & Clow).
    rewrite value_above by congruence. rewrite Rtop, !value_beside by congruence. rewrite Cs, Ct.
    destruct (Nat.ltb i n), (Nat.ltb j n); auto; rewrite value_transpose; reflexivity. }
  assert (Lt : forall i k, (i < k)%nat -> Nat.ltb i k = true) by (intros; apply Nat.ltb_lt; assumption).
  assert (Ge : forall i, Nat.ltb (n + i) n = false) by (intros; apply Nat.ltb_ge; lia).
  assert (Off : forall i, (n + i - n = i)%nat) by (intros; lia).
  rewrite (lipschitz.form_blocks n m _ (fun i j => -1 * value state' i j) (fun i j => -1 * value mixed' i j)
             (fun i j => -1 * value fed' i j)) in H
    by (intros i j I1 I2; rewrite Cell, ?Ge, ?Off, ?(Lt i n), ?(Lt j n) by assumption; ring).
  rewrite !form_scale in H.
  assert (Hm : lipschitz.bilinear_form n m (fun i j => -1 * value mixed' i j) z w = - pairing n m (value mixed') z w).
  { unfold lipschitz.bilinear_form, pairing. rewrite <- sum_opp. apply sum_ext. intros i _. rewrite <- sum_opp.
    apply sum_ext. intros j _. ring. }
  rewrite Hm in H. clear Hm.
  assert (Es : form n (value state') z = form n (value state) z + norm2 p (map_of n (value c) z)).
  { rewrite norm2_inner, <- (pairing_gram n n p (value c) (value c)), pairing_self, <- form_add. apply form_ext.
    intros i j _ _. unfold state'. rewrite value_add by (apply S || apply CC). f_equal.
    rewrite (value_product _ _ _ _ _ _ _ CT C). apply sum_ext. intros k _. rewrite value_transpose. reflexivity. }
  assert (Em : pairing n m (value mixed') z w
               = pairing n m (value mixed) z w + inner p (map_of n (value c) z) (map_of m (value d) w)).
  { rewrite <- pairing_gram, <- pairing_add_matrix. apply pairing_ext; auto. intros i j _ _. unfold mixed'.
    rewrite value_add by (apply M || apply CD). f_equal.
    rewrite (value_product _ _ _ _ _ _ _ CT D). apply sum_ext. intros k _. rewrite value_transpose. reflexivity. }
  assert (Ef : form m (value fed') w
               = form m (value fed) w + norm2 p (map_of m (value d) w) - IZR num / IZR den * norm2 m w).
  { rewrite norm2_inner, <- (pairing_gram m m p (value d) (value d)), pairing_self, <- (form_identity m w).
    rewrite <- form_add, <- form_scale, <- form_sub. apply form_ext. intros i j Hi _. unfold fed'. rewrite Dm.
    rewrite value_sub, value_add by (apply F || apply DD || apply I || (apply shaped_add with (1 := F) (2 := DD))).
    rewrite value_times by (try apply formed_identity; assumption). rewrite value_identity by exact Hi.
    f_equal. f_equal.
    rewrite (value_product _ _ _ _ _ _ _ DT D). apply sum_ext. intros k _. rewrite value_transpose. reflexivity. }
  rewrite Es, Em, Ef in H. unfold grows, out. rewrite norm2_add. lra.
Qed.

(** A' X, by entries. *)
Lemma value_turned q r i l : shaped q n r ->
  value (m_mul (m_transpose q) x) i l = sum n (fun h => value q h i * value x h l).
Proof.
  intros Q. rewrite (value_product _ _ _ _ _ _ _ (shaped_transpose _ _ _ Q) X). apply sum_ext. intros h _.
  rewrite value_transpose. reflexivity.
Qed.

(** Y' X Z between two vectors. *)
Lemma pairing_turned q s r k z w : shaped q n r -> shaped s n k ->
  pairing r k (value (m_mul (m_mul (m_transpose q) x) s)) z w
  = pairing n n (value x) (map_of r (value q) z) (map_of k (value s) w).
Proof.
  intros Q S. rewrite <- (pairing_between r k n n (value q) (value x) (value s)).
  apply pairing_ext; auto. intros i j _ _.
  rewrite (value_product _ _ r n k _ _ (shaped_mul _ _ _ _ _ (shaped_transpose _ _ _ Q) X) S).
  apply sum_ext. intros l _. rewrite (value_turned q r) by exact Q. reflexivity.
Qed.

Lemma growth_discrete : growth_shaped (growth 0 a b x) /\
  forall z w, grows (growth 0 a b x) z w = form n (value x) (next z w) - form n (value x) z.
Proof.
  assert (AX := shaped_mul _ _ _ _ _ (shaped_transpose _ _ _ A) X).
  assert (BX := shaped_mul _ _ _ _ _ (shaped_transpose _ _ _ B) X).
  assert (AXA := shaped_mul _ _ _ _ _ AX A).
  assert (AXB := shaped_mul _ _ _ _ _ AX B). assert (BXB := shaped_mul _ _ _ _ _ BX B).
  split; [split; [apply shaped_sub; assumption | split; assumption]|].
  intros z w. cbn [growth Nat.eqb grows].
  rewrite (form_ext n _ (fun i j => value (m_mul (m_mul (m_transpose a) x) a) i j - value x i j))
    by (intros i j _ _; apply value_sub; [apply AXA | apply X]).
  rewrite form_sub, <- !pairing_self, (pairing_turned a a n n) by assumption.
  rewrite (pairing_turned a b n m), (pairing_turned b b m m) by assumption.
  rewrite !pairing_self. unfold next. rewrite form_sum by exact Mirror. ring.
Qed.

Lemma growth_continuous : growth_shaped (growth 1 a b x) /\
  forall z w, grows (growth 1 a b x) z w = 2 * pairing n n (value x) z (next z w).
Proof.
  destruct sizes as [N1 M1].
  assert (AX := shaped_mul _ _ _ _ _ (shaped_transpose _ _ _ A) X). assert (AT := shaped_transpose _ _ _ AX).
  assert (XB := shaped_mul _ _ _ _ _ X B). assert (Bm : m_columns b = m) by apply B.
  split.
  { split; [apply shaped_add; assumption | split; [exact XB | rewrite Bm; apply shaped_zero; assumption]]. }
  intros z w. cbn [growth Nat.eqb grows].
  assert (E : pairing n n (value (m_mul (m_transpose a) x)) z z = pairing n n (value x) z (map_of n (value a) z)).
  { rewrite (pairing_symmetric n (value x)) by exact Mirror. rewrite (pairing_inner n n (value x)).
    rewrite <- (pairing_gram n n n (value a) (value x)). apply pairing_ext; auto. intros i j _ _.
    apply (value_turned a n); exact A. }
  rewrite (form_ext n _ (fun i j =>
    value (m_mul (m_transpose a) x) i j + value (m_transpose (m_mul (m_transpose a) x)) i j))
    by (intros i j _ _; apply value_add; [apply AX | apply AT]).
  rewrite form_add, <- !pairing_self.
  rewrite (pairing_flip n n (value (m_transpose _))).
  rewrite (pairing_ext n n (fun i j => value (m_transpose (m_mul (m_transpose a) x)) j i)
             (value (m_mul (m_transpose a) x)) z z z z) by (auto; intros; apply value_transpose).
  assert (Z : pairing m m (value (m_zero (m_columns b) (m_columns b))) w w = 0).
  { unfold pairing. rewrite (sum_ext m _ (fun _ => 0)); [apply sum_zero|]. intros i _.
    rewrite (sum_ext m _ (fun _ => 0)); [apply sum_zero|]. intros j _. rewrite value_zero. ring. }
  assert (G : pairing n m (value (m_mul x b)) z w = pairing n n (value x) z (map_of m (value b) w)).
  { rewrite (pairing_symmetric n (value x)) by exact Mirror. rewrite pairing_flip, (pairing_inner n n (value x)).
    rewrite <- (pairing_gram m n n (value b) (value x)). apply pairing_ext; auto. intros j i J I.
    rewrite (value_product _ _ _ _ _ _ _ X B). apply sum_ext. intros k K. rewrite (Mirror i k) by assumption. ring. }
  rewrite E, Z, G. unfold next. rewrite pairing_add_right. ring.
Qed.

End Dissipation.
