(** The bound of rule *quadratic* holds where expressions do: the sum of facts is a form, which rule *psd* bounds. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps plans.
From Certify.rules Require Import matrices psd expressions expression_rules quadratic fact_rules.
Import ListNotations.
Open Scope R_scope.

(** Rounding down loses less than one unit for each pair of coordinates. *)
Lemma row_rounded shift k z : (0 <= shift)%Z -> Rabs k <= 1 -> Forall (fun x => Rabs x <= 1) z -> forall r,
  pow2 shift * (k * dot (map (fun x => Z.shiftr (- x) shift) r) z)
  <= - (k * dot r z) + pow2 shift * INR (length z).
Proof.
  intros S K Z1. pose proof (pow2_pos shift) as P. induction Z1 as [|x z X Z1 IH]; intros r.
  - rewrite !dot_nil_r. simpl. lra.
  - assert (L : 0 <= pow2 shift * INR (length (x :: z))) by (apply Rmult_le_pos; [lra | apply pos_INR]).
    destruct r as [|a r]; [unfold dot; simpl map; simpl dotR; lra|].
    cbn [map]. rewrite !dot_cons. specialize (IH r).
    change (length (x :: z)) with (Datatypes.S (length z)). rewrite S_INR.
    set (f := IZR (Z.shiftr (- a) shift)).
    assert (F : - IZR a - pow2 shift <= pow2 shift * f <= - IZR a).
    { unfold f. rewrite Z.shiftr_div_pow2, <- opp_IZR, <- pow2_IZR by assumption.
      assert (D : (0 < 2 ^ shift)%Z) by (apply Z.pow_pos_nonneg; lia).
      pose proof (Z.div_mod (- a) (2 ^ shift)). pose proof (Z.mod_pos_bound (- a) (2 ^ shift) D).
      rewrite <- mult_IZR, <- minus_IZR. split; apply IZR_le; lia. }
    assert (Rabs (k * x) <= 1).
    { rewrite Rabs_mult. rewrite <- (Rmult_1_l 1). apply Rmult_le_compat; auto using Rabs_pos. }
    set (kx := k * x) in *. assert (- 1 <= kx <= 1) by (apply Rabs_le_inv; assumption).
    set (d := pow2 shift * f + IZR a). assert (D : - pow2 shift <= d <= 0) by (unfold d; lra).
    assert (kx * d <= pow2 shift).
    { destruct (Rle_dec 0 kx).
      - assert (kx * d <= kx * 0) by (apply Rmult_le_compat_l; lra). lra.
      - assert (- kx * - d <= 1 * pow2 shift) by (apply Rmult_le_compat; lra). lra. }
    replace (pow2 shift * (k * (f * x + dot (map (fun x0 => Z.shiftr (- x0) shift) r) z)))
      with (kx * (pow2 shift * f) + pow2 shift * (k * dot (map (fun x0 => Z.shiftr (- x0) shift) r) z))
      by (unfold kx; ring).
    replace (- (k * (IZR a * x + dot r z))) with (- (kx * IZR a) - k * dot r z) by (unfold kx; ring).
    unfold d in *. lra.
Qed.

Lemma negated_below shift z : (0 <= shift)%Z -> Forall (fun x => Rabs x <= 1) z ->
  forall x a, Forall (fun x => Rabs x <= 1) x ->
  pow2 shift * bilinear (negated shift a) x z <= - bilinear a x z + pow2 shift * (INR (length x) * INR (length z)).
Proof.
  intros S Z1 x a X. pose proof (pow2_pos shift) as P. revert a. induction X as [|k x K X IH]; intros a.
  - destruct a; simpl; lra.
  - assert (L : 0 <= pow2 shift * (INR (length (k :: x)) * INR (length z)))
      by (apply Rmult_le_pos; [lra | apply Rmult_le_pos; apply pos_INR]).
    destruct a as [|r a]; [simpl bilinear; lra|].
    simpl negated. cbn [bilinear]. specialize (IH a). pose proof (row_rounded shift k z S K Z1 r).
    change (length (k :: x)) with (Datatypes.S (length x)). rewrite S_INR. unfold negated in *. lra.
Qed.

Lemma negated_symmetric shift a : symmetric a -> symmetric (negated shift a).
Proof.
  assert (E : forall i j, cell (negated shift a) i j = Z.shiftr (- cell a i j) shift).
  { intros i j. unfold cell, negated. set (f := fun x => Z.shiftr (- x) shift).
    assert (F0 : f 0%Z = 0%Z) by (unfold f; apply Z.shiftr_0_l).
    change (@nil Z) with (map f []) at 1. rewrite (map_nth (map f)). rewrite <- F0 at 1. apply (map_nth f). }
  intros S i j. rewrite !E, S. reflexivity.
Qed.

Lemma twice_symmetric a : symmetric (add_rows a (transposed a)).
Proof. intros i j. rewrite !cell_add_rows, !cell_transposed. lia. Qed.

(** A form of z from below gives the products from above. *)
Lemma products_below shift a L t n : (0 <= shift)%Z -> Forall (fun x => Rabs x <= 1) t -> length (1 :: t) = n ->
  let z := 1 :: t in
  2 * bilinear a z z
  <= - IZR (Z.shiftl (lower_bound (negated shift (add_rows a (transposed a))) L - Z.of_nat n * Z.of_nat n) shift).
Proof.
  intros S T N z. set (form := negated shift (add_rows a (transposed a))).
  assert (Z1 : Forall (fun x => Rabs x <= 1) z) by (constructor; [rewrite Rabs_R1; lra | exact T]).
  pose proof (psd_correct form L t (negated_symmetric shift _ (twice_symmetric a)) T) as B. fold z in B.
  pose proof (negated_below shift z S Z1 z (add_rows a (transposed a)) Z1) as F. fold form in F.
  rewrite bilinear_add, bilinear_transposed in F. fold z in N. rewrite N in F.
  rewrite Z.shiftl_mul_pow2, mult_IZR, minus_IZR, mult_IZR, pow2_IZR, <- INR_IZR_INZ by assumption.
  pose proof (pow2_pos shift) as P.
  assert (pow2 shift * IZR (lower_bound form L) <= pow2 shift * bilinear form z z)
    by (apply Rmult_le_compat_l; lra).
  lra.
Qed.

(** The linear part goes in front of the first row. *)
Lemma bilinear_with_linear t linear products :
  bilinear (match products with [] => [linear] | r :: rest => addl linear r :: rest end) (1 :: t) (1 :: t)
  = dot linear (1 :: t) + bilinear products (1 :: t) (1 :: t).
Proof. destruct products as [|r rest]; simpl; [destruct t; lra|]. rewrite dot_addl. lra. Qed.

Lemma dot_shifted k : (0 <= k)%Z -> forall row xs, dot (map (fun m => Z.shiftl m k) row) xs = pow2 k * dot row xs.
Proof.
  intros K. induction row as [|m row IH]; intros [|x xs]; simpl map; rewrite ?dot_nil_r, ?dot_cons;
    try (unfold dot; simpl; lra).
  rewrite IH, Z.shiftl_mul_pow2, mult_IZR, pow2_IZR by assumption. lra.
Qed.

(** What a row bears on, in units of 2^-bits. *)
Definition outputs_in_units (blocks : list block) (bits : Z) (vals : list (list R)) (out : nat)
    (minus_ : option nat) : list R :=
  match minus_ with
  | None => in_units blocks bits vals out
  | Some g => map2 Rminus (in_units blocks bits vals out) (in_units blocks bits vals g)
  end.

Theorem bound_of_told region blocks maps_q q bd chosen bits factor shift facts factor_rows out minus_ row num den vals :
  plan_means region blocks vals ->
  (forall b, within (low_of blocks bits bd b) (high_of blocks bits bd b) (in_units blocks bits vals b)) ->
  (forall made, expressions blocks maps_q q bits bd chosen = Some made ->
   exists t, Forall (fun x => Rabs x <= 1) t /\ length (1 :: t) = dimension chosen
             /\ forall b, told (1 :: t) (nth b made []) (in_units blocks bits vals b)) ->
  upper_bound blocks maps_q q bd chosen bits factor shift facts factor_rows out minus_ row = Some (num, den) ->
  (0 < den)%Z /\ pow2 (- bits) * dot row (outputs_in_units blocks bits vals out minus_) <= IZR num / IZR den.
Proof.
  intros PM W ET. unfold upper_bound.
  destruct ((0 <=? bits) && (0 <=? bits + factor) && (0 <=? shift))%bool eqn:C; [|discriminate].
  apply andb_prop in C as [C C3]. apply andb_prop in C as [C1 C2]. apply Z.leb_le in C1, C2, C3.
  destruct (expressions blocks maps_q q bits bd chosen) as [made|] eqn:M; [|discriminate].
  destruct (ET made eq_refl) as (t & T & N & A). clear ET. set (z := 1 :: t) in *.
  assert (Z1 : Forall (fun x => Rabs x <= 1) z) by (constructor; [rewrite Rabs_R1; lra | exact T]).
  assert (SA : forallb (scales_agree blocks) blocks = true).
  { unfold expressions in M. destruct (forallb (scales_agree blocks) blocks); [reflexivity | discriminate]. }
  set (outputs := match minus_ with None => _ | Some _ => _ end).
  set (start := add_linears _ _ _ _). set (s := fold_left _ facts start).
  set (products := match sm_products s with [] => _ | _ => _ end). set (least := (lower_bound _ _ - _)%Z).
  set (above := (2 * sm_charge s - _)%Z). set (unit := Z.shiftl 1 _). intros E. injection E as <- <-.
  set (xs := outputs_in_units blocks bits vals out minus_).
  assert (O : told z outputs xs).
  { unfold outputs, xs, outputs_in_units. destruct minus_; [apply told_minus|]; apply A. }
  pose proof (worth_linears z (bits + factor) row outputs xs
                {| sm_linear := []; sm_charge := 0; sm_products := [] |} O) as B.
  fold start in B. unfold worth at 1 in B. cbn [sm_linear sm_charge sm_products] in B.
  rewrite dot_shifted in B by assumption.
  assert (B0 : dot [] z + bilinear [] z z + 0 = 0) by (unfold dot; simpl; lra). rewrite B0 in B.
  pose proof (facts_worth region blocks bits bd made vals z PM SA W A Z1 eq_refl C1 facts start) as F. fold s in F.
  pose proof (products_below shift products factor_rows t (dimension chosen) C3 T N) as P. cbv zeta in P.
  fold least z in P.
  assert (Q : bilinear products z z = dot (sm_linear s) z + bilinear (sm_products s) z z) by apply bilinear_with_linear.
  unfold worth at 2 in F.
  assert (H : pow2 (bits + factor) * dot row xs * 2 <= IZR above).
  { unfold above. rewrite minus_IZR, mult_IZR. lra. }
  assert (U : unit = (2 ^ (2 * bits + factor + 1))%Z)
    by (unfold unit; rewrite Z.shiftl_mul_pow2, Z.mul_1_l by lia; reflexivity).
  clearbody unit. subst unit.
  split; [apply Z.pow_pos_nonneg; lia|].
  rewrite pow2_IZR by lia. pose proof (pow2_pos (2 * bits + factor + 1)) as DP.
  apply (Rmult_le_reg_r (pow2 (2 * bits + factor + 1))); [exact DP|].
  replace (IZR above / pow2 (2 * bits + factor + 1) * pow2 (2 * bits + factor + 1)) with (IZR above)
    by (field; lra).
  replace (pow2 (- bits) * dot row xs * pow2 (2 * bits + factor + 1))
    with (pow2 (bits + factor) * dot row xs * 2); [exact H|].
  replace (2 * bits + factor + 1)%Z with (bits + factor + bits + 1)%Z by ring.
  rewrite (bpow_plus _ _ 1), (bpow_plus _ _ bits).
  replace (pow2 1) with 2 by reflexivity.
  assert (I : pow2 (- bits) * pow2 bits = 1)
    by (rewrite <- bpow_plus; replace (- bits + bits)%Z with 0%Z by ring; reflexivity).
  transitivity (pow2 (bits + factor) * dot row xs * 2 * (pow2 (- bits) * pow2 bits)); [rewrite I; ring | ring].
Qed.
