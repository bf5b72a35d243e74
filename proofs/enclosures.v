(** Enclosures of real numbers: pairs of integers over 2^p, and what operations make of them. Spec: statements.md#range.

    [encloses p x v]: the pair x, over 2^p, has v between its ends. One lemma an operation: the new pair encloses. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import result.
Open Scope string_scope.
Open Scope Z_scope.

Definition pair := (Z * Z)%type.

(** ** Operations *)

(** ceil(x / y), y > 0. *)
Definition up (x y : Z) : Z := - (- x / y).

Definition add (x y : pair) : pair := (fst x + fst y, snd x + snd y).
Definition subtract (x y : pair) : pair := (fst x - snd y, snd x - fst y).

Definition multiply (p : Z) (x y : pair) : pair :=
  let '((a, b), (c, d)) := (x, y) in
  let least := Z.min (Z.min (a * c) (a * d)) (Z.min (b * c) (b * d)) in
  let most := Z.max (Z.max (a * c) (a * d)) (Z.max (b * c) (b * d)) in
  (Z.shiftr least p, up most (Z.shiftl 1 p)).

Definition divide (p : Z) (x y : pair) : result pair :=
  _ <- need "domain" ((0 <? fst y) || (snd y <? 0)) ;;
  let one := Z.shiftl 1 (2 * p) in
  Ok (multiply p x (one / snd y, - (one / - fst y))).

Definition power (p : Z) (x : pair) (n : Z) : result pair :=
  _ <- need "exponent" (1 <=? n) ;;
  _ <- (if n <=? 64 then Ok tt else Decline "limit") ;;
  let '(a, b) := if Z.even n then (Z.max 0 (Z.max (fst x) (- snd x)), Z.max (- fst x) (snd x)) else x in
  let shift := (n - 1) * p in
  Ok (Z.shiftr (a ^ n) shift, up (b ^ n) (Z.shiftl 1 shift)).

Definition least (x y : pair) : pair := (Z.min (fst x) (fst y), Z.min (snd x) (snd y)).
Definition largest (x y : pair) : pair := (Z.max (fst x) (fst y), Z.max (snd x) (snd y)).

Definition root_above (p y : Z) : Z :=
  let v := Z.shiftl y p in
  let s := Z.sqrt v in
  if s * s =? v then s else s + 1.

Definition root (p : Z) (x : pair) : result pair :=
  _ <- need "domain" (0 <=? fst x) ;;
  Ok (Z.sqrt (Z.shiftl (fst x) p), root_above p (snd x)).

Fixpoint times {A} (k : nat) (f : A -> A) (x : A) : A := match k with O => x | S m => times m f (f x) end.

(** k squarings of both ends. Without the limit they would double in length each time. *)
Fixpoint squarings (p : Z) (k : nat) (a b : Z) : result pair :=
  match k with
  | O => Ok (a, b)
  | S m =>
      let high := up (b * b) (Z.shiftl 1 p) in
      _ <- (if high <? Z.shiftl 1 4000 then Ok tt else Decline "limit") ;;
      squarings p m (Z.shiftr (a * a) p) high
  end.

Definition exponential (p k : Z) (x : pair) : result pair :=
  _ <- (if snd x <=? Z.shiftl 1000 p then Ok tt else Decline "limit") ;;
  let one := Z.shiftl 1 p in
  let rest := one - up (snd x) (Z.shiftl 1 k) in
  _ <- need "domain" (0 <? rest) ;;
  squarings p (Z.to_nat k) (Z.max 0 (one + Z.shiftr (fst x) k)) (up (one * one) rest).

Definition logarithm (p k : Z) (x : pair) : result pair :=
  _ <- need "domain" (0 <? fst x) ;;
  let one := Z.shiftl 1 p in
  let rooted '(a, b) := (Z.sqrt (Z.shiftl a p), root_above p b) in
  let '(a, b) := times (Z.to_nat k) rooted x in
  Ok (Z.shiftl (one - up (one * one) a) k, Z.shiftl (b - one) k).

(** ** What they enclose *)

Open Scope R_scope.

Definition pow2 (p : Z) : R := IZR (2 ^ p).

(** x / 2^p *)
Definition over (p x : Z) : R := IZR x / pow2 p.

Definition encloses (p : Z) (x : pair) (v : R) : Prop := over p (fst x) <= v <= over p (snd x).

Lemma pow2_pos p : (0 <= p)%Z -> 0 < pow2 p.
Proof. intros P. apply IZR_lt, Z.pow_pos_nonneg; lia. Qed.

(** v <= x / 2^p, without the quotient. *)
Lemma over_le p x v : (0 <= p)%Z -> v <= over p x <-> v * pow2 p <= IZR x.
Proof.
  intros P. assert (H := pow2_pos p P). unfold over. split; intros L.
  - apply (Rmult_le_compat_r (pow2 p)) in L; [|lra]. unfold Rdiv in L. rewrite Rmult_assoc, Rinv_l in L by lra. lra.
  - apply (Rmult_le_reg_r (pow2 p)); [exact H|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

Lemma le_over p x v : (0 <= p)%Z -> over p x <= v <-> IZR x <= v * pow2 p.
Proof.
  intros P. assert (H := pow2_pos p P). unfold over. split; intros L.
  - apply (Rmult_le_compat_r (pow2 p)) in L; [|lra]. unfold Rdiv in L. rewrite Rmult_assoc, Rinv_l in L by lra. lra.
  - apply (Rmult_le_reg_r (pow2 p)); [exact H|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

Lemma over_times p x : (0 <= p)%Z -> over p x * pow2 p = IZR x.
Proof. intros P. assert (H := pow2_pos p P). unfold over. field. lra. Qed.

Lemma pow2_add p q : (0 <= p)%Z -> (0 <= q)%Z -> pow2 (p + q) = pow2 p * pow2 q.
Proof. intros P Q. unfold pow2. rewrite Z.pow_add_r by assumption. apply mult_IZR. Qed.

Lemma up_ge x y : (0 < y)%Z -> IZR x <= IZR (up x y) * IZR y.
Proof.
  intros Y. rewrite <- mult_IZR. apply IZR_le. unfold up. assert (H := Z.mul_div_le (- x) y Y). nia.
Qed.

Lemma up_over x y v : (0 < y)%Z -> v * IZR y <= IZR x -> v <= IZR (up x y).
Proof.
  intros Y H. assert (U := up_ge x y Y). apply IZR_lt in Y. apply (Rmult_le_reg_r (IZR y)); lra.
Qed.

Lemma floor_le x y : (0 < y)%Z -> IZR (x / y) * IZR y <= IZR x.
Proof. intros Y. rewrite <- mult_IZR. apply IZR_le. assert (H := Z.mul_div_le x y Y). nia. Qed.

Lemma shiftr_le x p : (0 <= p)%Z -> IZR (Z.shiftr x p) * pow2 p <= IZR x.
Proof. intros P. rewrite Z.shiftr_div_pow2 by exact P. apply floor_le. apply Z.pow_pos_nonneg; lia. Qed.

Lemma one_pow2 p : (0 <= p)%Z -> IZR (Z.shiftl 1 p) = pow2 p.
Proof. intros P. rewrite Z.shiftl_mul_pow2 by exact P. rewrite Z.mul_1_l. reflexivity. Qed.

Lemma one_pos p : (0 <= p)%Z -> (0 < Z.shiftl 1 p)%Z.
Proof. intros P. rewrite Z.shiftl_mul_pow2 by exact P. assert (0 < 2 ^ p)%Z by (apply Z.pow_pos_nonneg; lia). lia. Qed.

Section At.
Variable p : Z.
Hypothesis P : (0 <= p)%Z.
Let H : 0 < pow2 p := pow2_pos p P.

Ltac sides := unfold encloses in *; rewrite ?le_over, ?over_le in * by exact P.

Lemma add_encloses x y u v : encloses p x u -> encloses p y v -> encloses p (add x y) (u + v).
Proof. sides. unfold add; simpl. rewrite !plus_IZR. lra. Qed.

Lemma subtract_encloses x y u v : encloses p x u -> encloses p y v -> encloses p (subtract x y) (u - v).
Proof. sides. unfold subtract; simpl. rewrite !minus_IZR. lra. Qed.

Lemma least_encloses x y u v : encloses p x u -> encloses p y v -> encloses p (least x y) (Rmin u v).
Proof.
  unfold encloses, least, over; simpl. intros [A B] [C D].
  assert (I := Rinv_0_lt_compat _ H). unfold Rdiv in *.
  destruct (Z.min_spec (fst x) (fst y)) as [[L1 ->]|[L1 ->]]; destruct (Z.min_spec (snd x) (snd y)) as [[L2 ->]|[L2 ->]];
    try (apply IZR_lt in L1); try (apply IZR_lt in L2); try (apply IZR_le in L1); try (apply IZR_le in L2);
    unfold Rmin; destruct (Rle_dec u v); split; nra.
Qed.

Lemma largest_encloses x y u v : encloses p x u -> encloses p y v -> encloses p (largest x y) (Rmax u v).
Proof.
  unfold encloses, largest, over; simpl. intros [A B] [C D].
  assert (I := Rinv_0_lt_compat _ H). unfold Rdiv in *.
  destruct (Z.max_spec (fst x) (fst y)) as [[L1 ->]|[L1 ->]]; destruct (Z.max_spec (snd x) (snd y)) as [[L2 ->]|[L2 ->]];
    try (apply IZR_lt in L1); try (apply IZR_lt in L2); try (apply IZR_le in L1); try (apply IZR_le in L2);
    unfold Rmax; destruct (Rle_dec u v); split; nra.
Qed.

(** A product lies between the products of ends. *)
Lemma product_between a b c d u v : a <= u <= b -> c <= v <= d ->
  Rmin (Rmin (a * c) (a * d)) (Rmin (b * c) (b * d)) <= u * v <= Rmax (Rmax (a * c) (a * d)) (Rmax (b * c) (b * d)).
Proof.
  intros U V.
  assert (E : forall w, c <= w <= d -> Rmin (a * w) (b * w) <= u * w <= Rmax (a * w) (b * w)).
  { intros w _. unfold Rmin, Rmax. destruct (Rle_dec (a * w) (b * w)); destruct (Rle_dec 0 w); split; nra. }
  assert (F : forall w, Rmin (w * c) (w * d) <= w * v <= Rmax (w * c) (w * d)).
  { intros w. unfold Rmin, Rmax. destruct (Rle_dec (w * c) (w * d)); destruct (Rle_dec 0 w); split; nra. }
  specialize (E v V). destruct (F a) as [Fa1 Fa2]. destruct (F b) as [Fb1 Fb2]. split.
  - eapply Rle_trans; [|apply E]. apply Rmin_glb.
    + eapply Rle_trans; [apply Rmin_l|exact Fa1].
    + eapply Rle_trans; [apply Rmin_r|exact Fb1].
  - eapply Rle_trans; [apply E|]. apply Rmax_lub.
    + eapply Rle_trans; [exact Fa2|apply Rmax_l].
    + eapply Rle_trans; [exact Fb2|apply Rmax_r].
Qed.

Lemma min_IZR x y : IZR (Z.min x y) = Rmin (IZR x) (IZR y).
Proof.
  destruct (Z.min_spec x y) as [[L ->]|[L ->]]; [apply IZR_lt in L|apply IZR_le in L]; unfold Rmin; destruct (Rle_dec _ _); lra.
Qed.

Lemma max_IZR x y : IZR (Z.max x y) = Rmax (IZR x) (IZR y).
Proof.
  destruct (Z.max_spec x y) as [[L ->]|[L ->]]; [apply IZR_lt in L|apply IZR_le in L]; unfold Rmax; destruct (Rle_dec _ _); lra.
Qed.

Lemma multiply_encloses x y u v : encloses p x u -> encloses p y v -> encloses p (multiply p x y) (u * v).
Proof.
  destruct x as [a b], y as [c d]. sides. cbn [fst snd]. intros X Y. unfold multiply; cbn [fst snd].
  assert (B := product_between _ _ _ _ _ _ X Y). rewrite <- !mult_IZR, <- !min_IZR, <- !max_IZR in B.
  destruct B as [B1 B2]. split.
  - apply (Rmult_le_reg_r (pow2 p)); [exact H|]. eapply Rle_trans; [apply shiftr_le, P|]. lra.
  - apply up_over; [apply one_pos, P|]. rewrite one_pow2 by exact P. lra.
Qed.

(** 1 / v over the pair of v, which has zero outside. *)
Lemma inverse_encloses y v : ((0 < fst y)%Z \/ (snd y < 0)%Z) -> encloses p y v ->
  v <> 0 /\ encloses p (Z.shiftl 1 (2 * p) / snd y, - (Z.shiftl 1 (2 * p) / - fst y))%Z (/ v).
Proof.
  destruct y as [c d]. sides. cbn [fst snd]. intros S [Y1 Y2].
  assert (S' : 0 < IZR c * IZR d /\ 0 < v * IZR c /\ 0 < v * IZR d /\ v <> 0).
  { destruct S as [S|S]; apply IZR_lt in S.
    - assert (0 < v) by nra. repeat split; nra.
    - assert (v < 0) by nra. repeat split; nra. }
  destruct S' as (S0 & S1 & S2 & N). split; [exact N|].
  set (one := Z.shiftl 1 (2 * p)). assert (O : IZR one = pow2 p * pow2 p).
  { unfold one. rewrite one_pow2 by lia. replace (2 * p)%Z with (p + p)%Z by lia. apply pow2_add; exact P. }
  assert (I : forall w, w <> 0 -> / v * pow2 p * (v * w) = w * pow2 p) by (intros; field; lra).
  assert (Dz : (c <> 0 /\ d <> 0)%Z) by (split; intros ->; lra).
  destruct S as [S|S].
  - assert (C : (0 < d)%Z) by (apply lt_IZR; apply IZR_lt in S; nra).
    assert (V : 0 < v) by (apply IZR_lt in S; nra). split.
    + assert (F := floor_le one d C). apply (Rmult_le_reg_r (IZR d)); [apply IZR_lt, C|].
      eapply Rle_trans; [exact F|]. rewrite O. apply (Rmult_le_reg_l v); [exact V|].
      replace (v * (/ v * pow2 p * IZR d)) with (IZR d * pow2 p) by (field; lra). nra.
    + assert (F := floor_le one (- c)%Z). 
      assert (U : IZR one <= IZR (- (one / - c)) * IZR c).
      { rewrite <- mult_IZR. apply IZR_le. assert (E := Z.div_mod one (- c)%Z ltac:(lia)).
        assert (M := Z.mod_neg_bound one (- c)%Z ltac:(lia)). nia. }
      apply (Rmult_le_reg_r (IZR c)); [apply IZR_lt, S|]. eapply Rle_trans; [|exact U]. rewrite O.
      apply (Rmult_le_reg_l v); [exact V|].
      replace (v * (/ v * pow2 p * IZR c)) with (IZR c * pow2 p) by (field; lra). nra.
  - assert (C : (c < 0)%Z) by (apply lt_IZR; apply IZR_lt in S; nra).
    assert (V : v < 0) by (apply IZR_lt in S; nra). split.
    + assert (U : IZR one <= IZR (one / d) * IZR d).
      { rewrite <- mult_IZR. apply IZR_le. assert (E := Z.div_mod one d ltac:(lia)).
        assert (M := Z.mod_neg_bound one d ltac:(lia)). nia. }
      apply IZR_lt in S. apply (Rmult_le_reg_r (- IZR d)); [lra|]. apply (Rmult_le_reg_l (- v)); [lra|].
      replace (- v * (/ v * pow2 p * - IZR d)) with (IZR d * pow2 p) by (field; lra). rewrite O in U. nra.
    + assert (F := floor_le one (- c)%Z ltac:(lia)). rewrite opp_IZR in F. rewrite opp_IZR.
      apply IZR_lt in C. apply (Rmult_le_reg_r (- IZR c)); [lra|]. apply (Rmult_le_reg_l (- v)); [lra|].
      replace (- v * (/ v * pow2 p * - IZR c)) with (IZR c * pow2 p) by (field; lra). rewrite O in F. nra.
Qed.

Lemma divide_encloses x y z u v : divide p x y = Ok z -> encloses p x u -> encloses p y v ->
  v <> 0 /\ encloses p z (u / v).
Proof.
  unfold divide. intros E X Y. ok E. injection E as <-. apply orb_prop in E0. rewrite !Z.ltb_lt in E0.
  destruct (inverse_encloses y v E0 Y) as [N I]. split; [exact N|]. apply multiply_encloses; assumption.
Qed.

(** ** Powers *)

Lemma pow2_pow n : pow2 p ^ S n = pow2 (Z.of_nat n * p) * pow2 p.
Proof.
  induction n as [|n IH]; [simpl; unfold pow2 at 2; simpl; ring|].
  replace (Z.of_nat (S n) * p)%Z with (Z.of_nat n * p + p)%Z by lia. rewrite pow2_add by lia.
  change (pow2 p ^ S (S n)) with (pow2 p * pow2 p ^ S n). rewrite IH. ring.
Qed.

Lemma IZR_pow x n : IZR (x ^ Z.of_nat n) = IZR x ^ n.
Proof. symmetry. apply pow_IZR. Qed.

(** v^n is increasing for odd n, and for v >= 0. *)
Lemma pow_le n x y : 0 <= x <= y -> x ^ n <= y ^ n.
Proof. intros L. apply pow_incr. exact L. Qed.

Lemma odd_pow_opp x n : Nat.odd n = true -> (- x) ^ n = - x ^ n.
Proof.
  intros O. apply Nat.odd_spec in O. destruct O as [k ->]. rewrite Nat.add_1_r, <- !tech_pow_Rmult, !pow_mult.
  replace ((- x) ^ 2) with (x ^ 2) by ring. ring.
Qed.

Lemma odd_pow_le n x y : Nat.odd n = true -> x <= y -> x ^ n <= y ^ n.
Proof.
  intros O L. destruct (Rle_dec 0 x) as [X|X]; [apply pow_le; lra|].
  assert (Z : (- x) ^ n = - x ^ n) by (apply odd_pow_opp, O).
  destruct (Rle_dec 0 y) as [Y|Y].
  - assert (0 <= (- x) ^ n) by (apply Coq.Reals.Rfunctions.pow_le; lra).
    assert (0 <= y ^ n) by (apply Coq.Reals.Rfunctions.pow_le; lra). lra.
  - assert (W : (- y) ^ n = - y ^ n) by (apply odd_pow_opp, O).
    assert ((- y) ^ n <= (- x) ^ n) by (apply pow_le; lra). lra.
Qed.

Lemma even_pow_abs n x : Nat.even n = true -> x ^ n = Rabs x ^ n.
Proof.
  intros E. apply Nat.even_spec in E. destruct E as [k ->]. rewrite !pow_mult. f_equal. symmetry. apply pow2_abs.
Qed.

Lemma power_ends a b v n : IZR a ^ S n <= (v * pow2 p) ^ S n <= IZR b ^ S n ->
  encloses p (Z.shiftr (a ^ Z.of_nat (S n)) (Z.of_nat n * p), up (b ^ Z.of_nat (S n)) (Z.shiftl 1 (Z.of_nat n * p))) (v ^ S n).
Proof.
  intros [A B]. sides. cbn [fst snd]. rewrite Rpow_mult_distr, pow2_pow in A, B.
  assert (Q : (0 <= Z.of_nat n * p)%Z) by lia. assert (G := pow2_pos _ Q). split.
  - apply (Rmult_le_reg_r (pow2 (Z.of_nat n * p))); [exact G|]. eapply Rle_trans; [apply shiftr_le, Q|].
    rewrite IZR_pow. lra.
  - apply up_over; [apply one_pos, Q|]. rewrite one_pow2, IZR_pow by exact Q. lra.
Qed.

Lemma even_of_nat n : Z.even (Z.of_nat n) = Nat.even n.
Proof.
  induction n as [|n IH]; [reflexivity|]. rewrite Nat2Z.inj_succ, Z.even_succ, Nat.even_succ, <- Z.negb_even, <- Nat.negb_even, IH.
  reflexivity.
Qed.

Lemma power_encloses x n z u : power p x n = Ok z -> encloses p x u -> (1 <= n)%Z /\ encloses p z (u ^ Z.to_nat n).
Proof.
  unfold power. intros E X. ok E. apply Z.leb_le in E0. split; [exact E0|]. clear E1 a a0.
  assert (N : n = Z.of_nat (S (pred (Z.to_nat n)))) by lia. set (m := pred (Z.to_nat n)) in *.
  replace (Z.to_nat n) with (S m) by lia. replace (n - 1)%Z with (Z.of_nat m) in E by lia.
  assert (V : Z.even n = Nat.even (S m)) by (rewrite N; apply even_of_nat).
  rewrite V in E. unfold encloses in X. rewrite le_over, over_le in X by exact P. destruct x as [a b]. cbn [fst snd] in *. destruct (Nat.even (S m)) eqn:Ev; injection E as <-; rewrite N.
  - apply power_ends. rewrite (even_pow_abs _ (u * pow2 p)) by exact Ev. rewrite !max_IZR, !opp_IZR. split.
    + apply pow_le. split; [apply Rmax_l|]. unfold Rmax, Rabs. destruct (Rcase_abs _); destruct (Rle_dec _ _); destruct (Rle_dec _ _); lra.
    + apply pow_le. split; [apply Rabs_pos|]. unfold Rmax, Rabs. destruct (Rcase_abs _); destruct (Rle_dec _ _); lra.
  - assert (Od : Nat.odd (S m) = true) by (unfold Nat.odd; rewrite Ev; reflexivity).
    apply power_ends. split; apply odd_pow_le; try exact Od; lra.
Qed.

(** ** Roots *)

Lemma root_above_spec y v : (0 <= v)%R -> v * pow2 p <= IZR y -> sqrt v * pow2 p <= IZR (root_above p y).
Proof.
  intros V L. unfold root_above. set (w := Z.shiftl y p).
  assert (W : IZR w = IZR y * pow2 p) by (unfold w; rewrite Z.shiftl_mul_pow2 by exact P; apply mult_IZR).
  assert (Y : 0 <= IZR y) by (assert (0 <= v * pow2 p) by nra; lra). apply le_IZR in Y.
  assert (Wn : (0 <= w)%Z) by (unfold w; rewrite Z.shiftl_mul_pow2 by exact P; assert (0 < 2 ^ p)%Z by (apply Z.pow_pos_nonneg; lia); apply Z.mul_nonneg_nonneg; lia).
  assert (S := Z.sqrt_spec w Wn). assert (S0 := Z.sqrt_nonneg w).
  set (t := if (Z.sqrt w * Z.sqrt w =? w)%Z then Z.sqrt w else (Z.sqrt w + 1)%Z).
  assert (T : (0 <= t)%Z /\ (w <= t * t)%Z).
  { unfold t. unfold Z.succ in S. destruct (Z.eqb_spec (Z.sqrt w * Z.sqrt w) w) as [Q|Q]; split; lia. }
  destruct T as [T0 T1]. apply IZR_le in T0, T1. rewrite mult_IZR, W in T1.
  apply Rsqr_incr_0; [|assert (R := sqrt_pos v); apply Rmult_le_pos; lra|exact T0]. unfold Rsqr.
  replace (sqrt v * pow2 p * (sqrt v * pow2 p)) with (sqrt v * sqrt v * (pow2 p * pow2 p)) by ring.
  rewrite sqrt_sqrt by exact V. nra.
Qed.

Lemma root_below_spec y v : (0 <= y)%Z -> IZR y <= v * pow2 p -> IZR (Z.sqrt (Z.shiftl y p)) <= sqrt v * pow2 p.
Proof.
  intros Y L. set (w := Z.shiftl y p).
  assert (W : IZR w = IZR y * pow2 p) by (unfold w; rewrite Z.shiftl_mul_pow2 by exact P; apply mult_IZR).
  assert (Wn : (0 <= w)%Z) by (unfold w; rewrite Z.shiftl_mul_pow2 by exact P; assert (0 < 2 ^ p)%Z by (apply Z.pow_pos_nonneg; lia); apply Z.mul_nonneg_nonneg; lia).
  assert (S := Z.sqrt_spec w Wn). assert (S0 := Z.sqrt_nonneg w).
  assert (S1 := proj1 S). apply IZR_le in S0, S1, Y.
  rewrite mult_IZR, W in S1.
  assert (V : 0 <= v) by (apply (Rmult_le_reg_r (pow2 p)); [exact H|]; lra). assert (R := sqrt_pos v).
  apply Rsqr_incr_0; [|exact S0|apply Rmult_le_pos; lra]. unfold Rsqr.
  replace (sqrt v * pow2 p * (sqrt v * pow2 p)) with (sqrt v * sqrt v * (pow2 p * pow2 p)) by ring.
  rewrite sqrt_sqrt by exact V. nra.
Qed.

Lemma root_encloses x z u : root p x = Ok z -> encloses p x u -> 0 <= u /\ encloses p z (sqrt u).
Proof.
  unfold root. intros E X. ok E. injection E as <-. apply Z.leb_le in E0. sides. destruct X as [X1 X2].
  assert (U : 0 <= u) by (apply IZR_le in E0; apply (Rmult_le_reg_r (pow2 p)); [exact H|]; lra). split; [exact U|]. cbn [fst snd]. split.
  - apply root_below_spec; assumption.
  - apply root_above_spec; assumption.
Qed.

(** ** Exponentials and logarithms *)

Lemma squared_below a v : (0 <= a)%Z -> IZR a <= v * pow2 p ->
  (0 <= Z.shiftr (a * a) p)%Z /\ IZR (Z.shiftr (a * a) p) <= (v * v) * pow2 p.
Proof.
  intros A L. split; [apply Z.shiftr_nonneg; nia|]. apply (Rmult_le_reg_r (pow2 p)); [exact H|].
  eapply Rle_trans; [apply shiftr_le, P|]. rewrite mult_IZR. apply IZR_le in A. nra.
Qed.

Lemma squared_above b v : 0 <= v -> v * pow2 p <= IZR b -> (v * v) * pow2 p <= IZR (up (b * b) (Z.shiftl 1 p)).
Proof.
  intros V L. apply up_over; [apply one_pos, P|]. rewrite one_pow2, mult_IZR by exact P.
  replace (v * v * pow2 p * pow2 p) with ((v * pow2 p) * (v * pow2 p)) by ring.
  assert (0 <= v * pow2 p) by nra. nra.
Qed.

Lemma exp_double x : exp (2 * x) = exp x * exp x.
Proof. rewrite <- exp_plus. f_equal. ring. Qed.

(** k squarings of what encloses e^x enclose e^(2^k x). *)
Lemma squarings_enclose k : forall x a b z, (0 <= a)%Z -> IZR a <= exp x * pow2 p <= IZR b -> squarings p k a b = Ok z ->
  IZR (fst z) <= exp (2 ^ k * x) * pow2 p <= IZR (snd z).
Proof.
  induction k as [|k IH]; intros x a b z A [L1 L2] E; cbn [squarings] in E.
  - injection E as <-. simpl. rewrite Rmult_1_l. split; assumption.
  - apply bind_ok in E. destruct E as (u & _ & E). destruct (squared_below a _ A L1) as [A' L1'].
    assert (L2' := squared_above b _ (Rlt_le _ _ (exp_pos x)) L2).
    replace (2 ^ S k * x) with (2 ^ k * (2 * x)) by (simpl; ring).
    refine (IH (2 * x) _ _ z A' _ E). rewrite exp_double. split; assumption.
Qed.

Lemma pow2_nat k : (0 <= k)%Z -> pow2 k = 2 ^ Z.to_nat k.
Proof. intros K. unfold pow2. rewrite <- (Z2Nat.id k) at 1 by exact K. rewrite IZR_pow. reflexivity. Qed.

Lemma exponential_encloses k x z u : (0 <= k)%Z -> exponential p k x = Ok z -> encloses p x u -> encloses p z (exp u).
Proof.
  unfold exponential. intros K E X. apply bind_ok in E. destruct E as (u0 & _ & E). apply bind_ok in E. destruct E as (u1 & E1 & E).
  apply need_ok, Z.ltb_lt in E1.
  unfold encloses in X. rewrite le_over, over_le in X by exact P. destruct x as [a b]. cbn [fst snd] in *. destruct X as [X1 X2].
  assert (G := pow2_pos k K).
  set (w := u / pow2 k). assert (W : u = 2 ^ Z.to_nat k * w) by (unfold w; rewrite pow2_nat in * by exact K; field; lra).
  assert (Wk : w * pow2 k = u) by (unfold w; field; lra).
  unfold encloses. rewrite le_over, over_le by exact P. rewrite W. refine (squarings_enclose _ w _ _ z (Z.le_max_l 0 _) _ E). split.
  - rewrite max_IZR. apply Rmax_lub; [assert (0 < exp w) by apply exp_pos; nra|]. rewrite plus_IZR, one_pow2 by exact P.
    assert (S := shiftr_le a k K). assert (I := exp_ineq1_le w).
    assert (IZR (Z.shiftr a k) <= w * pow2 p); [|nra]. apply (Rmult_le_reg_r (pow2 k)); [exact G|]. nra.
  - apply IZR_lt in E1. rewrite minus_IZR, one_pow2 in E1 by exact P.
    assert (U : w * pow2 p <= IZR (up b (Z.shiftl 1 k))).
    { apply up_over; [apply one_pos, K|]. rewrite one_pow2 by exact K. nra. }
    assert (I := exp_ineq1_le (- w)). assert (M : exp w * exp (- w) = 1) by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
    assert (Pw := exp_pos w). assert (Q := exp_pos (- w)).
    apply up_over; [apply lt_IZR; rewrite minus_IZR, one_pow2 by exact P; exact E1|].
    rewrite minus_IZR, mult_IZR, one_pow2 by exact P.
    assert (R1 : pow2 p - IZR (up b (Z.shiftl 1 k)) <= exp (- w) * pow2 p) by nra.
    apply Rle_trans with (exp w * pow2 p * (exp (- w) * pow2 p)).
    + apply Rmult_le_compat_l; [nra|exact R1].
    + replace (exp w * pow2 p * (exp (- w) * pow2 p)) with (exp w * exp (- w) * (pow2 p * pow2 p)) by ring. rewrite M. lra.
Qed.

Lemma ln_le_minus v : 0 < v -> ln v <= v - 1.
Proof. intros V. assert (I := exp_ineq1_le (ln v)). rewrite exp_ln in I by exact V. lra. Qed.

Lemma ln_sqrt v : 0 < v -> ln v = 2 * ln (sqrt v).
Proof.
  intros V. assert (S := sqrt_lt_R0 v V). rewrite <- (sqrt_sqrt v) at 1 by lra. rewrite ln_mult by exact S. ring.
Qed.

(** k roots of what encloses y enclose y^(1 / 2^k), as a number whose logarithm is 2^k times less. *)
Lemma roots_enclose k : forall v a b, (0 < a)%Z -> 0 < v -> IZR a <= v * pow2 p <= IZR b ->
  let f := fun '(a, b) => (Z.sqrt (Z.shiftl a p), root_above p b) in
  exists r, 0 < r /\ ln v = 2 ^ k * ln r /\ (0 < fst (times k f (a, b)))%Z /\
  IZR (fst (times k f (a, b))) <= r * pow2 p <= IZR (snd (times k f (a, b))).
Proof.
  induction k as [|k IH]; intros v a b A V [L1 L2] f.
  - exists v. simpl. rewrite Rmult_1_l. repeat split; assumption.
  - cbn [times]. change (f (a, b)) with (Z.sqrt (Z.shiftl a p), root_above p b).
    assert (S := sqrt_lt_R0 v V). assert (A' : (0 < Z.sqrt (Z.shiftl a p))%Z).
    { apply Z.sqrt_pos. rewrite Z.shiftl_mul_pow2 by exact P. apply Z.mul_pos_pos; [exact A|]. apply Z.pow_pos_nonneg; lia. }
    destruct (IH (sqrt v) (Z.sqrt (Z.shiftl a p)) (root_above p b) A' S) as (r & R & E & F & G).
    { split; [apply root_below_spec; [lia|exact L1]|apply root_above_spec; [lra|exact L2]]. }
    exists r. repeat split; try assumption; try apply G. rewrite (ln_sqrt v V), E. simpl. ring.
Qed.

Lemma logarithm_encloses k x z u : (0 <= k)%Z -> logarithm p k x = Ok z -> encloses p x u -> 0 < u /\ encloses p z (ln u).
Proof.
  unfold logarithm. intros K E X. ok E. apply Z.ltb_lt in E0. clear a.
  unfold encloses in X. rewrite le_over, over_le in X by exact P. destruct x as [a b]. cbn [fst snd] in *. destruct X as [X1 X2].
  assert (U : 0 < u) by (apply IZR_lt in E0; apply (Rmult_lt_reg_r (pow2 p)); [exact H|]; lra). split; [exact U|].
  destruct (roots_enclose (Z.to_nat k) u a b E0 U (conj X1 X2)) as (r & R & L & F & G1 & G2).
  destruct (times (Z.to_nat k) _ (a, b)) as [c d] eqn:T in E. rewrite T in F, G1, G2. cbn [fst snd] in *. injection E as <-.
  assert (Gk := pow2_pos k K). unfold encloses. rewrite le_over, over_le by exact P. cbn [fst snd].
  assert (Sh : forall y, IZR (Z.shiftl y k) = IZR y * pow2 k) by (intros; rewrite Z.shiftl_mul_pow2 by exact K; apply mult_IZR).
  rewrite !Sh, L, <- pow2_nat by exact K. split.
  - (* 1 - 1/r <= ln r *)
    assert (N := ln_le_minus (/ r) (Rinv_0_lt_compat _ R)). rewrite ln_Rinv in N by exact R.
    assert (M : IZR (Z.shiftl 1 p - up (Z.shiftl 1 p * Z.shiftl 1 p) c) <= (1 - / r) * pow2 p).
    2: { apply Rle_trans with (ln r * pow2 p * pow2 k); [apply Rmult_le_compat_r; [lra|]|right; ring].
         eapply Rle_trans; [exact M|]. apply Rmult_le_compat_r; lra. }
    rewrite minus_IZR, one_pow2 by exact P.
    assert (C : / r * pow2 p <= IZR (up (Z.shiftl 1 p * Z.shiftl 1 p) c)); [|lra].
    apply up_over; [exact F|]. rewrite mult_IZR, one_pow2 by exact P. apply IZR_lt in F.
    apply Rle_trans with (/ r * pow2 p * (r * pow2 p)); [|right; field; lra].
    apply Rmult_le_compat_l; [|exact G1]. apply Rmult_le_pos; [left; apply Rinv_0_lt_compat, R|lra].
  - assert (N := ln_le_minus r R). rewrite minus_IZR, one_pow2 by exact P.
    apply Rle_trans with (ln r * pow2 p * pow2 k); [right; ring|]. apply Rmult_le_compat_r; [lra|]. nra.
Qed.
End At.
