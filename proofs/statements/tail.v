(** *tail*: few failures in independent trials are unlikely at a high rate of failure. Spec: statements.md#tail. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result exact.
From Certify.rules Require Import matrices.
From Certify.statements Require Import stationary.
Import ListNotations.
Open Scope string_scope.
Open Scope Z_scope.

Record words := { trials : nat; failures : nat; rate : ratio; level : ratio }.

(** ** What it says *)

(** n over k: the ways to choose k of n. *)
Fixpoint choose (n k : nat) : Z :=
  match n, k with
  | _, O => 1
  | O, S _ => 0
  | S m, S j => choose m j + choose m k
  end.

Open Scope R_scope.

(** The probability of at most k failures in n independent trials that fail with probability q each. *)
Definition tail (n k : nat) (q : R) : R := sum (S k) (fun i => IZR (choose n i) * q ^ i * (1 - q) ^ (n - i)).

Definition holds (s : store) (w : words) : Prop :=
  (failures w <= trials w)%nat /\ 0 <= number (rate w) <= 1 /\
  forall q, number (rate w) <= q <= 1 -> tail (trials w) (failures w) q <= number (level w).

(** ** The check *)

Open Scope Z_scope.

(** From step i on: [term] is (n over i - 1) a^(i - 1), [total] the sum up to it. *)
Fixpoint summed (n a c : Z) (steps : nat) (i term total : Z) : Z :=
  match steps with
  | O => total
  | S m => let next := term * (a * (n - i + 1)) / i in summed n a c m (i + 1) next (total * c + next)
  end.

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  let n := Z.of_nat (trials w) in
  let k := Z.of_nat (failures w) in
  let '((num, den), (p, q)) := (rate w, level w) in
  _ <- need "denominator" ((0 <? den) && (0 <? q)) ;;
  _ <- need "count" ((1 <=? n) && (k <=? n)) ;;
  _ <- need "not-a-rate" ((0 <=? num) && (num <=? den)) ;;
  let g := Z.gcd num den in
  let a := num / g in
  let d := den / g in
  _ <- (if (n <=? 20000) && (d <? Z.shiftl 1 64) then Ok tt else Decline "limit") ;;
  need "above-limit" (summed n a (d - a) (failures w) 1 1 1 * (d - a) ^ (n - k) * q <=? p * d ^ n).

(** ** It is sound *)

Lemma choose_above n : forall k, (n < k)%nat -> choose n k = 0.
Proof.
  induction n as [|n IH]; intros k K; destruct k as [|k]; try lia; [reflexivity|]. cbn [choose]. rewrite !IH by lia. reflexivity.
Qed.

Lemma choose_zero n : choose n 0 = 1.
Proof. destruct n; reflexivity. Qed.

Lemma choose_nonneg n : forall k, 0 <= choose n k.
Proof. induction n as [|n IH]; intros [|k]; cbn [choose]; try lia. specialize (IH k) as A. specialize (IH (S k)). lia. Qed.

(** (k + 1) (n over k + 1) = (n - k) (n over k) *)
Lemma choose_next n : forall k, Z.of_nat (S k) * choose n (S k) = (Z.of_nat n - Z.of_nat k) * choose n k.
Proof.
  induction n as [|n IH]; intros k.
  - destruct k as [|k]; cbn [choose]; lia.
  - destruct k as [|j].
    + cbn [choose]. specialize (IH O). rewrite choose_zero in *. lia.
    + cbn [choose]. assert (A := IH (S j)). assert (B := IH j). cbn [choose] in A. nia.
Qed.

(** sum over i <= k of (n over i) a^i c^(k - i) *)
Fixpoint weighted (n : nat) (a c : Z) (k : nat) : Z :=
  match k with O => 1 | S j => weighted n a c j * c + choose n (S j) * a ^ Z.of_nat (S j) end.

Lemma summed_weighted n a c m : forall j,
  summed (Z.of_nat n) a c m (Z.of_nat (S j)) (choose n j * a ^ Z.of_nat j) (weighted n a c j) = weighted n a c (j + m).
Proof.
  induction m as [|m IH]; intros j; cbn [summed]; [f_equal; lia|].
  assert (E : choose n j * a ^ Z.of_nat j * (a * (Z.of_nat n - Z.of_nat (S j) + 1)) / Z.of_nat (S j)
              = choose n (S j) * a ^ Z.of_nat (S j)).
  { assert (N := choose_next n j). symmetry. apply Z.div_unique_exact; [lia|].
    assert (W : a ^ Z.of_nat (S j) = a * a ^ Z.of_nat j) by (rewrite Nat2Z.inj_succ, Z.pow_succ_r by lia; reflexivity).
    rewrite W.
    replace (Z.of_nat n - Z.of_nat (S j) + 1) with (Z.of_nat n - Z.of_nat j) by lia.
    replace (Z.of_nat (S j) * (choose n (S j) * (a * a ^ Z.of_nat j))) with (Z.of_nat (S j) * choose n (S j) * a * a ^ Z.of_nat j) by ring.
    rewrite N. ring. }
  rewrite E. replace (Z.of_nat (S j) + 1) with (Z.of_nat (S (S j))) by lia. rewrite <- Nat.add_succ_comm.
  exact (IH (S j)).
Qed.

Open Scope R_scope.

Lemma weighted_sum n a c k : (k <= n)%nat ->
  IZR (weighted n a c k) * IZR c ^ (n - k) = sum (S k) (fun i => IZR (choose n i) * IZR a ^ i * IZR c ^ (n - i)).
Proof.
  induction k as [|k IH]; intros K.
  - cbn [sum weighted]. rewrite choose_zero, Nat.sub_0_r. simpl. ring.
  - specialize (IH ltac:(lia)). change (sum (S (S k)) ?f) with (sum (S k) f + f (S k)). cbv beta. rewrite <- IH.
    cbn [weighted]. rewrite plus_IZR, !mult_IZR, <- pow_IZR. replace (n - k)%nat with (S (n - S k)) by lia. simpl pow. ring.
Qed.

Lemma tail_zero n q : tail n 0 q = (1 - q) ^ n.
Proof. unfold tail. cbn [sum]. rewrite choose_zero, Nat.sub_0_r. simpl. ring. Qed.

Lemma term_shrinks n k q : IZR (choose n k) * q ^ k * (1 - q) ^ (S n - k) = (1 - q) * (IZR (choose n k) * q ^ k * (1 - q) ^ (n - k)).
Proof.
  destruct (Nat.le_gt_cases k n) as [L|L]; [replace (S n - k)%nat with (S (n - k)) by lia; simpl pow; ring|].
  rewrite choose_above by exact L. ring.
Qed.

(** The next trial succeeds, or fails. *)
Lemma tail_next n k q : tail (S n) (S k) q = (1 - q) * tail n (S k) q + q * tail n k q.
Proof.
  induction k as [|k IH].
  - unfold tail. cbn [sum]. rewrite !choose_zero, !Nat.sub_0_r. change (choose (S n) 1) with (choose n 0 + choose n 1)%Z.
    rewrite choose_zero, plus_IZR. assert (T := term_shrinks n 1 q). replace (S n - 1)%nat with n in * by lia. simpl pow in *. lra.
  - assert (L : forall m j, tail m (S j) q = tail m j q + IZR (choose m (S j)) * q ^ S j * (1 - q) ^ (m - S j)) by reflexivity.
    rewrite (L (S n) (S k)), IH, (L n (S k)), (L n k).
    change (choose (S n) (S (S k))) with (choose n (S k) + choose n (S (S k)))%Z. rewrite plus_IZR.
    assert (T := term_shrinks n (S (S k)) q). replace (S n - S (S k))%nat with (n - S k)%nat in * by lia.
    replace (q ^ S (S k)) with (q * q ^ S k) in * by reflexivity. lra.
Qed.

Lemma term_nonneg n k q : 0 <= q <= 1 -> 0 <= IZR (choose n k) * q ^ k * (1 - q) ^ (n - k).
Proof.
  intros Q. assert (C := choose_nonneg n k). apply IZR_le in C.
  apply Rmult_le_pos; [apply Rmult_le_pos; [exact C|]|]; apply pow_le; lra.
Qed.

(** It falls with the rate. *)
Lemma tail_falls n : forall k p q, 0 <= p -> p <= q <= 1 -> tail n k q <= tail n k p.
Proof.
  induction n as [|n IH]; intros k p q P Q.
  - assert (E : forall x, tail 0 k x = 1).
    { intros x. induction k as [|k IHk]; [rewrite tail_zero; reflexivity|]. unfold tail in *.
      change (sum (S (S k)) ?f) with (sum (S k) f + f (S k)). cbv beta. rewrite IHk, choose_above by lia. ring. }
    rewrite !E. lra.
  - destruct k as [|k].
    + rewrite !tail_zero. apply pow_incr. lra.
    + rewrite !tail_next. assert (A := IH (S k) p q P Q). assert (B := IH k p q P Q).
      assert (D : tail n k p <= tail n (S k) p).
      { assert (N := term_nonneg n (S k) p ltac:(lra)). unfold tail at 2.
        change (sum (S (S k)) ?f) with (sum (S k) f + f (S k)). cbv beta. unfold tail. lra. }
      apply Rle_trans with ((1 - q) * tail n (S k) p + q * tail n k p).
      * apply Rplus_le_compat; apply Rmult_le_compat_l; lra.
      * nra.
Qed.

Theorem tail_correct s w e : check s w e = Ok tt -> holds s w.
Proof.
  intros H. unfold check in H. unfold holds. destruct w as [n k [num den] [p q]]. cbn [trials failures rate level] in *.
  apply bind_ok in H. destruct H as (u0 & D & H). apply need_ok, andb_prop in D. destruct D as [D Q]. apply Z.ltb_lt in D, Q.
  apply bind_ok in H. destruct H as (u1 & N & H). apply need_ok, andb_prop in N. destruct N as [N K]. apply Z.leb_le in N, K.
  apply bind_ok in H. destruct H as (u2 & B & H). apply need_ok, andb_prop in B. destruct B as [B0 B1]. apply Z.leb_le in B0, B1.
  apply bind_ok in H. destruct H as (u3 & _ & H). apply need_ok, Z.leb_le in H.
  set (g := Z.gcd num den) in *.
  assert (G : (0 < g)%Z) by (assert (X := Z.gcd_nonneg num den); assert (g <> 0)%Z by (intros X0; apply Z.gcd_eq_0_r in X0; lia); lia).
  assert (Ea : num = (g * (num / g))%Z) by (apply Z.div_exact; [lia | apply Z.mod_divide; [lia | apply Z.gcd_divide_l]]).
  assert (Ed : den = (g * (den / g))%Z) by (apply Z.div_exact; [lia | apply Z.mod_divide; [lia | apply Z.gcd_divide_r]]).
  set (a := (num / g)%Z) in *. set (d := (den / g)%Z) in *.
  assert (Dp : (0 < d)%Z) by nia.
  assert (E : IZR num / IZR den = IZR a / IZR d).
  { rewrite Ea, Ed, !mult_IZR. apply IZR_lt in G, Dp. field. lra. }
  assert (Kn : (k <= n)%nat) by lia. unfold number. cbn [fst snd]. split; [exact Kn|]. split.
  - apply IZR_lt in D. apply IZR_le in B0, B1. split.
    + apply Rmult_le_pos; [exact B0|]. left. apply Rinv_0_lt_compat, D.
    + apply (Rmult_le_reg_r (IZR den)); [exact D|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
  - intros r R. assert (P0 : 0 <= IZR num / IZR den).
    { apply Rmult_le_pos; [apply IZR_le, B0|]. left. apply Rinv_0_lt_compat, IZR_lt, D. }
    eapply Rle_trans; [apply (tail_falls n k (IZR num / IZR den) r P0 R)|]. rewrite E.
    assert (S := summed_weighted n a (d - a) k 0). cbn [choose weighted] in S. rewrite choose_zero in S.
    change (Z.of_nat 1) with 1%Z in S. change (1 * a ^ Z.of_nat 0)%Z with 1%Z in S. rewrite S in H. clear S. cbn [Nat.add] in H.
    assert (W := weighted_sum n a (d - a) k Kn).
    assert (T : tail n k (IZR a / IZR d) * IZR d ^ n = IZR (weighted n a (d - a) k) * IZR (d - a) ^ (n - k)).
    { rewrite W. unfold tail. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros i I.
      apply IZR_lt in Dp. replace (1 - IZR a / IZR d) with (IZR (d - a) / IZR d) by (rewrite minus_IZR; field; lra).
      unfold Rdiv. rewrite !Rpow_mult_distr, !pow_inv. replace n with (i + (n - i))%nat at 1 by lia. rewrite pow_add.
      field. split; apply pow_nonzero; lra. }
    apply IZR_le in H. rewrite !mult_IZR in H.
    replace (Z.of_nat n - Z.of_nat k)%Z with (Z.of_nat (n - k)) in H by lia. rewrite <- !pow_IZR, <- T in H.
    apply IZR_lt in Q, Dp. assert (Pd : 0 < IZR d ^ n) by (apply pow_lt, Dp).
    apply (Rmult_le_reg_r (IZR q * IZR d ^ n)); [apply Rmult_lt_0_compat; assumption|].
    replace (IZR p / IZR q * (IZR q * IZR d ^ n)) with (IZR p * IZR d ^ n) by (field; lra). lra.
Qed.
