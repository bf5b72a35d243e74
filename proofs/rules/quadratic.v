(** Rule *quadratic*: multipliers on facts about blocks, and a positive semidefinite remainder.

    Spec: rules.md#quadratic; upper_bound of the other kernel. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps map_rules plans.
From Certify.rules Require Import difference matrices psd expressions expression_rules expression_blocks.
From Certify.rules Require Export facts.
Import ListNotations.
Open Scope bool_scope.
Open Scope Z_scope.

(** ** Functions of the checker *)

Definition negated (shift : Z) (a : list (list Z)) : list (list Z) := map (map (fun x => Z.shiftr (- x) shift)) a.

(** (num, den): the row times the outputs is at most num / den. *)
Definition upper_bound (blocks : list block) (maps_q : prepared) (q : Z) (bd : bounds) (chosen : list (nat * list Z))
    (bits factor shift : Z) (facts : list fact) (factor_rows : list (list Z)) (out : nat) (minus_ : option nat)
    (row : list Z) : option (Z * Z) :=
  if (0 <=? bits) && (0 <=? bits + factor) && (0 <=? shift) then
    match expressions blocks maps_q q bits bd chosen with
    | None => None
    | Some made =>
        let outputs := match minus_ with
                       | None => nth out made []
                       | Some g => map2 minus (nth out made []) (nth g made [])
                       end in
        let start := add_linears (bits + factor) row outputs
                       {| sm_linear := []; sm_charge := 0; sm_products := [] |} in
        let s := fold_left (add_fact blocks bits bd made) facts start in
        let products := match sm_products s with
                        | [] => [sm_linear s]
                        | r :: rest => addl (sm_linear s) r :: rest
                        end in
        let form := negated shift (add_rows products (transposed products)) in
        let n := Z.of_nat (dimension chosen) in
        let least := lower_bound form factor_rows - n * n in
        Some (2 * sm_charge s - Z.shiftl least shift, Z.shiftl 1 (2 * bits + factor + 1))
    end
  else None.

Open Scope R_scope.

(** ** What is left: a form and its lower bound *)

Lemma cell_negated shift a i j : cell (negated shift a) i j = Z.shiftr (- cell a i j) shift.
Proof.
  unfold cell, negated. set (f := fun x => Z.shiftr (- x) shift).
  assert (F : f 0%Z = 0%Z) by (unfold f; simpl; apply Z.shiftr_0_l).
  change (@nil Z) with (map f []) at 1. rewrite (map_nth (map f)).
  rewrite <- F at 1. apply (map_nth f).
Qed.

Lemma symmetric_negated shift a : symmetric (negated shift (add_rows a (transposed a))).
Proof. intros i j. rewrite !cell_negated, !cell_add_rows, !cell_transposed. f_equal. lia. Qed.

(** 0 <= - x - 2^s (- x >> s) < 2^s. *)
Lemma negated_close shift x : (0 <= shift)%Z ->
  Rabs (- IZR x - pow2 shift * IZR (Z.shiftr (- x) shift)) <= pow2 shift.
Proof.
  intros S. rewrite <- pow2_IZR, <- opp_IZR, <- mult_IZR, <- minus_IZR, Z.shiftr_div_pow2 by exact S.
  assert (P : (0 < 2 ^ shift)%Z) by (apply Z.pow_pos_nonneg; lia).
  pose proof (Z.div_mod (- x) (2 ^ shift)). pose proof (Z.mod_pos_bound (- x) (2 ^ shift) P).
  apply Rabs_le. rewrite <- opp_IZR. split; apply IZR_le; lia.
Qed.

Lemma dot_negated shift y : (0 <= shift)%Z -> Forall (fun x => Rabs x <= 1) y -> forall r,
  Rabs (- dot r y - pow2 shift * dot (map (fun x => Z.shiftr (- x) shift) r) y) <= pow2 shift * INR (length y).
Proof.
  intros N0. induction 1 as [|x y X Y IH]; intros r.
  - rewrite !dot_nil_r. simpl. rewrite !Rmult_0_r, Rminus_0_r, Ropp_0, Rabs_R0. lra.
  - pose proof (pow2_pos shift) as P. change (length (x :: y)) with (S (length y)). rewrite S_INR.
    pose proof (pos_INR (length y)) as L.
    destruct r as [|a r]; simpl map.
    + unfold dot; simpl. rewrite Rmult_0_r, Rminus_0_r, Ropp_0, Rabs_R0. apply Rmult_le_pos; lra.
    + rewrite !dot_cons. specialize (IH r). pose proof (negated_close shift a N0) as N.
      replace (- (IZR a * x + dot r y) - _) with ((- IZR a - pow2 shift * IZR (Z.shiftr (- a) shift)) * x
        + (- dot r y - pow2 shift * dot (map (fun x => Z.shiftr (- x) shift) r) y)) by ring.
      eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult.
      pose proof (Rmult_le_compat _ _ _ _ (Rabs_pos _) (Rabs_pos x) N X). lra.
Qed.

Lemma bilinear_negated shift y : (0 <= shift)%Z -> Forall (fun x => Rabs x <= 1) y ->
  forall a x, Forall (fun x => Rabs x <= 1) x ->
  pow2 shift * (bilinear (negated shift a) x y - INR (length x) * INR (length y)) <= - bilinear a x y.
Proof.
  intros N0 Y. pose proof (pow2_pos shift) as P. pose proof (pos_INR (length y)) as LY.
  induction a as [|r a IH]; intros x X.
  - simpl. assert (0 <= INR (length x) * INR (length y)) by (apply Rmult_le_pos; [apply pos_INR | exact LY]).
    assert (0 <= pow2 shift * (INR (length x) * INR (length y))) by (apply Rmult_le_pos; lra). lra.
  - destruct X as [|k x K X]; simpl bilinear; [simpl; lra|].
    specialize (IH x X). fold (negated shift a). change (length (k :: x)) with (Datatypes.S (length x)). rewrite S_INR.
    pose proof (dot_negated shift y N0 Y r) as D.
    set (d := dot (map _ r) y) in *.
    assert (H : - k * (- dot r y - pow2 shift * d) <= pow2 shift * INR (length y)).
    { eapply Rle_trans; [apply Rle_abs|]. rewrite Rabs_mult, Rabs_Ropp.
      pose proof (Rmult_le_compat _ _ _ _ (Rabs_pos k) (Rabs_pos _) K D). lra. }
    lra.
Qed.

Lemma twice_products_le t shift a factor_rows : (0 <= shift)%Z -> Forall (fun x => Rabs x <= 1) t -> let z := 1 :: t in
  2 * bilinear a z z
  <= - (pow2 shift * IZR (lower_bound (negated shift (add_rows a (transposed a))) factor_rows
                          - Z.of_nat (length z) * Z.of_nat (length z))).
Proof.
  intros N0 T z. set (form := negated shift (add_rows a (transposed a))).
  assert (Y : Forall (fun x => Rabs x <= 1) z) by (constructor; [rewrite Rabs_R1; lra | exact T]).
  pose proof (psd_correct form factor_rows t (symmetric_negated shift a) T) as L. fold z in L.
  pose proof (bilinear_negated shift z N0 Y (add_rows a (transposed a)) z Y) as B. fold form in B.
  rewrite bilinear_add, bilinear_transposed in B. rewrite minus_IZR, mult_IZR, <- INR_IZR_INZ.
  pose proof (pow2_pos shift).
  assert (pow2 shift * IZR (lower_bound form factor_rows) <= pow2 shift * bilinear form z z)
    by (apply Rmult_le_compat_l; lra). lra.
Qed.

(** ** The bound *)

(** Values of a block in units of one. *)
Definition plain (blocks : list block) (vals : list (list R)) (b : nat) : list R :=
  map (fun v => v * pow2 (- bk_scale (nth b blocks no_block))) (values vals b).

Definition side_value (blocks : list block) (vals : list (list R)) (out : nat) (minus_ : option nat) : list R :=
  match minus_ with
  | None => plain blocks vals out
  | Some g => map2 Rminus (plain blocks vals out) (plain blocks vals g)
  end.

Lemma real_plain blocks vals bits b : real blocks vals bits b = map (Rmult (pow2 bits)) (plain blocks vals b).
Proof.
  unfold real, plain. rewrite map_map. apply map_ext. intros v. unfold Zminus. rewrite bpow_plus. ring.
Qed.

Lemma map2_factor k : forall a b,
  map2 Rminus (map (Rmult k) a) (map (Rmult k) b) = map (Rmult k) (map2 Rminus a b).
Proof. induction a as [|x a IH]; intros [|y b]; simpl; auto. rewrite IH. f_equal. ring. Qed.

Theorem quadratic_correct region blocks maps_q q bd chosen bits factor shift facts factor_rows out minus_ row vals
    num den :
  plan_means region blocks vals -> bounds_hold bd vals -> length (bd_lo bd) = length blocks -> earlier blocks = true ->
  (forall b, (b < length blocks)%nat -> prepare_block q (nth b blocks no_block) = Some (nth b maps_q [])) ->
  upper_bound blocks maps_q q bd chosen bits factor shift facts factor_rows out minus_ row = Some (num, den) ->
  (0 < den)%Z /\ dot row (side_value blocks vals out minus_) <= IZR num / IZR den.
Proof.
  intros plan hold all sorted ready E. unfold upper_bound in E.
  destruct ((0 <=? bits)%Z && (0 <=? bits + factor)%Z && (0 <=? shift)%Z)%bool eqn:B; [|discriminate].
  apply andb_prop in B as [B B3]. apply andb_prop in B as [B1 B2].
  apply Z.leb_le in B1. apply Z.leb_le in B2. apply Z.leb_le in B3.
  destruct (expressions blocks maps_q q bits bd chosen) as [made|] eqn:X; [|discriminate].
  assert (agree : forallb (scales_agree blocks) blocks = true).
  { unfold expressions in X. destruct (forallb (scales_agree blocks) blocks); [reflexivity | discriminate]. }
  pose proof (expressions_told region blocks vals bd maps_q q bits chosen plan sorted hold all agree ready made X) as T.
  pose proof (expression_blocks.z_small region blocks vals bd bits chosen plan sorted hold all agree) as Z1.
  pose proof (point_length (targets blocks vals bd bits) chosen) as DIM.
  unfold expression_blocks.z, point in T, Z1, DIM. set (t := all_taken (targets blocks vals bd bits) chosen) in *.
  apply Forall_cons_iff in Z1 as [_ small].
  set (outputs := match minus_ with
                  | None => nth out made []
                  | Some g => map2 minus (nth out made []) (nth g made [])
                  end) in E.
  assert (TO : told (1 :: t) outputs (map (Rmult (pow2 bits)) (side_value blocks vals out minus_))).
  { unfold outputs, side_value. destruct minus_ as [g|]; [rewrite <- map2_factor|]; rewrite <- !real_plain;
      [apply told_minus|]; apply T. }
  set (nothing := {| sm_linear := []; sm_charge := 0; sm_products := [] |}) in E.
  pose proof (add_linears_worth t (bits + factor) outputs _ TO row nothing B2) as W1.
  set (start := add_linears (bits + factor) row outputs nothing) in *.
  pose proof (add_facts_worth region blocks vals bd bits made t plan hold all agree T small B1 facts start) as W2.
  set (s := fold_left (add_fact blocks bits bd made) facts start) in *.
  set (products := match sm_products s with [] => [sm_linear s] | r :: rest => addl (sm_linear s) r :: rest end) in E.
  pose proof (twice_products_le t shift products factor_rows B3 small) as F. cbv zeta in F. rewrite DIM in F.
  set (least := (lower_bound _ factor_rows - Z.of_nat (dimension chosen) * Z.of_nat (dimension chosen))%Z) in *.
  match type of E with
  | Some (?a, ?b) = _ => assert (En : num = a) by congruence; assert (Ed : den = b) by congruence
  end.
  rewrite En, Ed. clear E En Ed.
  assert (P : bilinear products (1 :: t) (1 :: t) = worth t s - IZR (sm_charge s)).
  { unfold worth, products. destruct (sm_products s) as [|r rest]; simpl; rewrite ?dot_addl; ring. }
  assert (W0 : worth t nothing = 0) by (unfold worth, nothing, dot; simpl; ring).
  rewrite dot_scale, <- Rmult_assoc, <- bpow_plus in W1.
  set (d := dot row (side_value blocks vals out minus_)) in *.
  replace (bits + factor + bits)%Z with (2 * bits + factor)%Z in W1 by ring.
  assert (D : IZR (Z.shiftl 1 (2 * bits + factor + 1)) = 2 * pow2 (2 * bits + factor)).
  { rewrite shiftl_IZR by lia. rewrite bpow_plus. simpl (bpow radix2 1). lra. }
  pose proof (pow2_pos (2 * bits + factor)) as P2.
  split; [apply lt_IZR; rewrite D; lra|]. rewrite D.
  apply (Rmult_le_reg_r (2 * pow2 (2 * bits + factor))); [lra|].
  unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  rewrite minus_IZR, mult_IZR, shiftl_IZR by exact B3. rewrite P in F. lra.
Qed.
