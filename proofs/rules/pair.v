(** The pair rule: what a functional has on relu x - S relu y, relu x and relu y goes to x - S y and y.

    It is sound for any slopes, so the default ones need no proof. Spec: rules.md#difference; difference.py of the other
    kernel. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors maps plans.
From Certify.rules Require Import selections.
Import ListNotations.
Open Scope bool_scope.
Open Scope Z_scope.

(** ** The pair rule on one entry *)

(** The least of c v for v in [l, u]. *)
Definition inf (c l u : Z) : Z := Z.min (c * l) (c * u).

(** The part of [l, u] on one side of zero. *)
Definition half (positive : bool) (l u : Z) : Z * Z := if positive then (pospart l, u) else (l, negpart u).

(** The bound on a sign cell; None where nothing is in it. *)
Definition cell (delta alpha beta p q lx ux ly uy ld ud : Z) (sx sy : bool) : option Z :=
  let '(lx, ux) := half sx lx ux in
  let '(ly, uy) := half sy ly uy in
  if (lx <=? ux) && (ly <=? uy) && (Z.shiftl (lx - uy) delta <=? ud) && (ld <=? Z.shiftl (ux - ly) delta) then
    let c1 := if sx then alpha - p else - p in
    let c2 := if sy then beta - q else - q in
    let both := c1 + c2 in
    Some (Z.max (inf c1 lx ux + inf c2 ly uy)
         (Z.max (inf both ly uy + Z.shiftr (inf c1 ld ud) delta)
                (inf both lx ux + Z.shiftr (inf (- c2) ld ud) delta)))
  else None.

Definition lesser (a b : option Z) : option Z :=
  match a, b with
  | Some x, Some y => Some (Z.min x y)
  | None, _ => b
  | _, None => a
  end.

(** r with alpha relu x + beta relu y >= on_d d + on_y y + r; None where no cell is possible. *)
Definition intercept (delta alpha beta on_d on_y lx ux ly uy ld ud : Z) : option Z :=
  let p := Z.shiftl on_d delta in
  let c := cell delta alpha beta p (on_y - p) lx ux ly uy ld ud in
  lesser (lesser (c false false) (c false true)) (lesser (c true false) (c true true)).

Definition slope_bits : Z := 20.
Definition slope_one : Z := 1048576.

(** Slopes of the default lower line and of the upper line of relu on [l, u]. *)
Definition line_slopes (l u : Z) : Z * Z :=
  if (l <? 0) && (0 <? u) then
    ((if - l <? u then slope_one else 0), Z.shiftl (pospart u) slope_bits / (u - l))
  else let on := if 0 <=? l then slope_one else 0 in (on, on).

(** Slopes in d, below and above, of relu x - relu y when both signs are open, or differ. *)
Definition difference_slopes (ld ud : Z) : Z * Z :=
  if (ld <? 0) && (0 <? ud) then
    (Z.shiftl (pospart (- ld)) slope_bits / (ud - ld), Z.shiftl (pospart ud) slope_bits / (ud - ld))
  else if 0 <=? ld then (0, slope_one) else (slope_one, 0).

(** Slopes on d and y where the signs are not known to agree. *)
Definition default_slopes (delta alpha beta lx ux ly uy ld ud : Z) : Z * Z :=
  let opposite := ((0 <? alpha) && (beta <? 0)) || ((alpha <? 0) && (0 <? beta)) in
  let smaller := Z.min (Z.abs alpha) (Z.abs beta) in
  let joint := if opposite then (if 0 <? alpha then smaller else - smaller) else 0 in
  let rest_x := alpha - joint in
  let rest_y := beta + joint in
  let '(x_low, x_high) := line_slopes lx ux in
  let '(y_low, y_high) := line_slopes ly uy in
  let '(d_low, d_high) := difference_slopes ld ud in
  let p := Z.shiftr (if 0 <=? rest_x then rest_x * x_low else rest_x * x_high) slope_bits in
  let q := Z.shiftr (if 0 <=? rest_y then rest_y * y_low else rest_y * y_high) slope_bits in
  let open_x := (lx <? 0) && (0 <? ux) in
  let open_y := (ly <? 0) && (0 <? uy) in
  if Bool.eqb open_x open_y then                           (* both open, or both known and different *)
    let pair := Z.shiftr (if 0 <=? joint then joint * d_low else joint * d_high) slope_bits in
    (Z.shiftr (p + pair) delta, p + q)
  else
    let p_joint := Z.shiftr (if 0 <=? joint then joint * x_low else joint * x_high) slope_bits in
    let q_joint := Z.shiftr (if joint <=? 0 then - joint * y_low else - joint * y_high) slope_bits in
    (Z.shiftr (p + p_joint) delta, p + q + (p_joint + q_joint)).

(** Coefficients that stay on u and go to x, the inner difference and y; what was taken from w; the constant. *)
Record pushed_entry := { e_u : Z; e_w : Z; e_x : Z; e_inner : Z; e_y : Z; e_k : Z }.

(** c, cu, m: coefficients on d, u and (with this row) w. Entries without a coefficient on d, and those that are paired
    with nothing, are not touched by the rule; it is exact where both signs are known and agree. *)
Definition push_entry (delta lx ux ly uy ld ud : Z) (paired : bool) (c cu m : Z) (hint : option (Z * Z)) :
  option pushed_entry :=
  if c =? 0 then Some {| e_u := cu; e_w := 0; e_x := 0; e_inner := 0; e_y := 0; e_k := 0 |}
  else let shifted := Z.shiftl c delta in
  if negb paired then Some {| e_u := cu + shifted; e_w := 0; e_x := 0; e_inner := 0; e_y := 0; e_k := 0 |}
  else if (0 <=? lx) && (0 <=? ly) then Some {| e_u := 0; e_w := m; e_x := cu; e_inner := c; e_y := m; e_k := 0 |}
  else if (lx <? 0) && (ux <=? 0) && (ly <? 0) && (uy <=? 0) then
    Some {| e_u := 0; e_w := m; e_x := 0; e_inner := 0; e_y := 0; e_k := 0 |}
  else
    let alpha := cu + shifted in
    let beta := m - shifted in
    let '(on_d, on_y) := match hint with Some h => h | None => default_slopes delta alpha beta lx ux ly uy ld ud end in
    match intercept delta alpha beta on_d on_y lx ux ly uy ld ud with
    | Some r => Some {| e_u := 0; e_w := m; e_x := 0; e_inner := on_d; e_y := on_y; e_k := r |}
    | None => None
    end.

(** ** The pair rule on one row *)

Record pushed := { on_u : list Z; on_w : list Z; on_x : list Z; on_inner : list Z; on_y : list Z; push_constant : Z }.

Definition hd_slopes (hint : option (list Z * list Z)) : option (Z * Z) :=
  match hint with Some (p, t) => Some (hd 0 p, hd 0 t) | None => None end.
Definition tl_slopes (hint : option (list Z * list Z)) : option (list Z * list Z) :=
  match hint with Some (p, t) => Some (tl p, tl t) | None => None end.

(** All entries; here on_w is what was taken from S w, and on_y is on S y.
  Entries of [index] below zero are unpaired. *)
Fixpoint push_entries (delta : Z) (lx ux ly uy ld ud index cd cu mine : list Z) (hint : option (list Z * list Z)) :
  option pushed :=
  match lx, ux, ly, uy, ld, ud with
  | lx0 :: lx', ux0 :: ux', ly0 :: ly', uy0 :: uy', ld0 :: ld', ud0 :: ud' =>
      match push_entry delta lx0 ux0 ly0 uy0 ld0 ud0 (0 <=? hd 0 index) (hd 0 cd) (hd 0 cu) (hd 0 mine)
              (hd_slopes hint),
            push_entries delta lx' ux' ly' uy' ld' ud' (tl index) (tl cd) (tl cu) (tl mine) (tl_slopes hint) with
      | Some e, Some p =>
          Some {| on_u := e_u e :: on_u p; on_w := e_w e :: on_w p; on_x := e_x e :: on_x p;
                  on_inner := e_inner e :: on_inner p; on_y := e_y e :: on_y p;
                    push_constant := e_k e + push_constant p |}
      | _, _ => None
      end
  | _, _, _, _, _, _ => Some {| on_u := []; on_w := []; on_x := []; on_inner := []; on_y := []; push_constant := 0 |}
  end.

Definition push_pair (delta : Z) (sigma : option (list Z)) (size_w : nat) (cd cu cw : list Z)
    (x y d : list Z * list Z) (hint : option (list Z * list Z)) : option pushed :=
  let index := match sigma with None => [] | Some index => index end in
  match push_entries delta (fst x) (snd x) (fst y) (snd y) (fst d) (snd d) index cd cu (owned sigma cw) hint with
  | None => None
  | Some p => Some {| on_u := on_u p; on_w := addl cw (map Z.opp (scattered sigma size_w (on_w p))); on_x := on_x p;
                      on_inner := on_inner p; on_y := scattered sigma size_w (on_y p);
                        push_constant := push_constant p |}
  end.

(** C . d = (C 2^delta) . u - (C 2^delta) S . w: coefficients on u and on w. *)
Definition push_direct (delta : Z) (sigma : option (list Z)) (size_w : nat) (c : list Z) : list Z * list Z :=
  let shifted := map (fun a => Z.shiftl a delta) c in (shifted, map Z.opp (scattered sigma size_w shifted)).

(** ** The pair rule is sound *)

Open Scope R_scope.

Lemma shiftl_IZR x t : (0 <= t)%Z -> IZR (Z.shiftl x t) = IZR x * pow2 t.
Proof. intros P. rewrite Z.shiftl_mul_pow2, mult_IZR, pow2_IZR by assumption. reflexivity. Qed.

Lemma shiftr_le x t : IZR (Z.shiftr x t) <= IZR x / pow2 t.
Proof. rewrite <- Z.shiftl_opp_r. unfold Rdiv. rewrite <- bpow_opp. apply (shift_down_le x (- t)). Qed.

Lemma inf_le c l u v : IZR l <= v <= IZR u -> IZR (inf c l u) <= IZR c * v.
Proof.
  intros B. unfold inf. destruct (Z.le_gt_cases 0 c) as [P | N].
  - apply Rle_trans with (IZR (c * l)); [apply IZR_le, Z.le_min_l|].
    rewrite mult_IZR. apply Rmult_le_compat_l; [apply IZR_le; assumption | lra].
  - apply Rle_trans with (IZR (c * u)); [apply IZR_le, Z.le_min_r|].
    rewrite mult_IZR. apply Rmult_le_compat_neg_l; [apply IZR_le; lia | lra].
Qed.

Lemma max_le (a b : Z) (r : R) : IZR a <= r -> IZR b <= r -> IZR (Z.max a b) <= r.
Proof. intros A B. destruct (Z.max_spec a b) as [[_ ->] | [_ ->]]; assumption. Qed.

(** For c1 x + c2 y any tau gives a bound: (c1 - tau) x + (c2 + tau) y + tau (x - y); tau is 0, c1 or -c2. *)
Lemma cell_le delta c1 c2 lx ux ly uy ld ud x y : (0 <= delta)%Z ->
  IZR lx <= x <= IZR ux -> IZR ly <= y <= IZR uy -> IZR ld <= (x - y) * pow2 delta <= IZR ud ->
  IZR (Z.max (inf c1 lx ux + inf c2 ly uy)
      (Z.max (inf (c1 + c2) ly uy + Z.shiftr (inf c1 ld ud) delta)
             (inf (c1 + c2) lx ux + Z.shiftr (inf (- c2) ld ud) delta))) <= IZR c1 * x + IZR c2 * y.
Proof.
  intros D X Y B. assert (P : 0 < pow2 delta) by apply pow2_pos.
  assert (S : forall c, IZR (Z.shiftr (inf c ld ud) delta) <= IZR c * (x - y)).
  { intros c. eapply Rle_trans; [apply shiftr_le|]. apply (Rmult_le_reg_r (pow2 delta)); [assumption|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r, Rmult_assoc by lra. apply inf_le; assumption. }
  repeat apply max_le; rewrite plus_IZR.
  - pose proof (inf_le c1 _ _ _ X). pose proof (inf_le c2 _ _ _ Y). lra.
  - pose proof (inf_le (c1 + c2) _ _ _ Y) as H. specialize (S c1). rewrite plus_IZR in H. lra.
  - pose proof (inf_le (c1 + c2) _ _ _ X) as H. specialize (S (- c2)%Z). rewrite plus_IZR in H. rewrite opp_IZR in S.
    lra.
Qed.

Definition on_side (positive : bool) (x : R) : Prop := if positive then 0 <= x else x <= 0.

Lemma half_means s l u x : on_side s x -> IZR l <= x <= IZR u -> IZR (fst (half s l u)) <= x <= IZR (snd (half s l u)).
Proof.
  unfold half, on_side, pospart, negpart. destruct s; simpl; intros S B; split; try tauto.
  - destruct (Z.max_spec l 0) as [[_ ->] | [_ ->]]; tauto.
  - destruct (Z.min_spec u 0) as [[_ ->] | [_ ->]]; tauto.
Qed.

Lemma relu_side s x : on_side s x -> relu x = if s then x else 0.
Proof. unfold relu, Rmax, on_side. destruct s, (Rle_dec x 0); lra. Qed.

Lemma cell_correct delta alpha beta on_d on_y lx ux ly uy ld ud sx sy x y : (0 <= delta)%Z ->
  IZR lx <= x <= IZR ux -> IZR ly <= y <= IZR uy -> IZR ld <= (x - y) * pow2 delta <= IZR ud -> on_side sx x ->
    on_side sy y ->
  exists r, cell delta alpha beta (Z.shiftl on_d delta) (on_y - Z.shiftl on_d delta) lx ux ly uy ld ud sx sy = Some r
    /\ IZR r <= IZR alpha * relu x + IZR beta * relu y - IZR on_d * ((x - y) * pow2 delta) - IZR on_y * y.
Proof.
  intros D X Y B SX SY. apply (half_means sx) in X; [|assumption]. apply (half_means sy) in Y; [|assumption].
  unfold cell. destruct (half sx lx ux) as [lx' ux'], (half sy ly uy) as [ly' uy']. simpl in X, Y.
  assert (P : 0 < pow2 delta) by apply pow2_pos.
  assert (A1 : (lx' <=? ux')%Z = true) by (apply Z.leb_le, le_IZR; lra).
  assert (A2 : (ly' <=? uy')%Z = true) by (apply Z.leb_le, le_IZR; lra).
  assert (A3 : (Z.shiftl (lx' - uy') delta <=? ud)%Z = true).
  { apply Z.leb_le, le_IZR. rewrite shiftl_IZR, minus_IZR by assumption.
    apply Rle_trans with ((x - y) * pow2 delta); [apply Rmult_le_compat_r; lra | tauto]. }
  assert (A4 : (ld <=? Z.shiftl (ux' - ly') delta)%Z = true).
  { apply Z.leb_le, le_IZR. rewrite shiftl_IZR, minus_IZR by assumption.
    apply Rle_trans with ((x - y) * pow2 delta); [tauto | apply Rmult_le_compat_r; lra]. }
  rewrite A1, A2, A3, A4. simpl andb. cbv iota zeta. eexists. split; [reflexivity|].
  eapply Rle_trans; [apply (cell_le delta _ _ lx' ux' ly' uy' ld ud x y); assumption|].
  rewrite (relu_side sx x), (relu_side sy y) by assumption.
  destruct sx, sy; rewrite ?opp_IZR, ?minus_IZR, ?shiftl_IZR by assumption; lra.
Qed.

Lemma lesser_le a b c r : (exists k, a = Some k /\ IZR k <= r) \/ (exists k, b = Some k /\ IZR k <= r) ->
  lesser a b = c -> exists k, c = Some k /\ IZR k <= r.
Proof.
  intros H <-. destruct a as [x|], b as [y|]; simpl.
  - exists (Z.min x y). split; [reflexivity|]. destruct H as [[k [E L]] | [k [E L]]]; injection E as <-;
      (eapply Rle_trans; [|exact L]); apply IZR_le; lia.
  - destruct H as [H | [k [E _]]]; [exact H | discriminate].
  - destruct H as [[k [E _]] | H]; [discriminate | exact H].
  - destruct H as [H | H]; exact H.
Qed.

(** alpha relu x + beta relu y >= P (x - y) 2^delta + T y + r, for any P and T. *)
Theorem intercept_correct delta alpha beta on_d on_y lx ux ly uy ld ud x y : (0 <= delta)%Z ->
  IZR lx <= x <= IZR ux -> IZR ly <= y <= IZR uy -> IZR ld <= (x - y) * pow2 delta <= IZR ud ->
  exists r, intercept delta alpha beta on_d on_y lx ux ly uy ld ud = Some r
    /\ IZR on_d * ((x - y) * pow2 delta) + IZR on_y * y + IZR r <= IZR alpha * relu x + IZR beta * relu y.
Proof.
  intros D X Y B.
  enough (exists r, intercept delta alpha beta on_d on_y lx ux ly uy ld ud = Some r
    /\ IZR r <= IZR alpha * relu x + IZR beta * relu y - IZR on_d * ((x - y) * pow2 delta) - IZR on_y * y) as [r [E L]].
  { exists r. split; [exact E | lra]. }
  assert (S : forall z, on_side false z \/ on_side true z) by (intros z; unfold on_side; lra).
  assert (H := fun sx sy => cell_correct delta alpha beta on_d on_y lx ux ly uy ld ud sx sy x y D X Y B).
  unfold intercept. cbv zeta. eapply lesser_le; [|reflexivity].
  destruct (S x) as [SX | SX], (S y) as [SY | SY]; [left | left | right | right]; (eapply lesser_le; [|reflexivity]);
    [left | right | left | right]; apply H; assumption.
Qed.

Lemma relu_0 : relu 0 = 0.
Proof. unfold relu, Rmax. destruct Rle_dec; reflexivity. Qed.

Lemma push_entry_correct delta lx ux ly uy ld ud paired c cu m hint x y d : (0 <= delta)%Z ->
  IZR lx <= x <= IZR ux -> IZR ly <= y <= IZR uy -> IZR ld <= d <= IZR ud -> d = (x - y) * pow2 delta ->
  (paired = false -> y = 0) ->
  match push_entry delta lx ux ly uy ld ud paired c cu m hint with
  | Some e => IZR (e_u e) * relu x + IZR (e_x e) * x + IZR (e_inner e) * d + IZR (e_y e) * y + IZR (e_k e)
              <= IZR c * ((relu x - relu y) * pow2 delta) + IZR cu * relu x + IZR (e_w e) * relu y
  | None => False
  end.
Proof.
  intros P X Y D E U. unfold push_entry.
  destruct (Z.eqb_spec c 0) as [-> | _]; [simpl; lra|]. cbv zeta.
  destruct paired; simpl negb; cbv iota.
  2:{ simpl. rewrite plus_IZR, shiftl_IZR, (U eq_refl), relu_0 by assumption. lra. }
  destruct (andb _ _) eqn:S1.
  { apply andb_prop in S1. destruct S1 as [L1 L2]. apply Z.leb_le, IZR_le in L1, L2. simpl.
    rewrite (relu_side true x), (relu_side true y) by (simpl; lra). subst d. lra. }
  clear S1. destruct (andb _ (uy <=? 0)%Z) eqn:S2.
  { apply andb_prop in S2. destruct S2 as [S2 L2]. apply andb_prop in S2. destruct S2 as [S2 _].
    apply andb_prop in S2. destruct S2 as [_ L1]. apply Z.leb_le, IZR_le in L1, L2. simpl.
    rewrite (relu_side false x), (relu_side false y) by (simpl; lra). lra. }
  clear S2. destruct (match hint with Some _ => _ | None => _ end) as [on_d on_y].
  rewrite E in D.
  destruct (intercept_correct delta (cu + Z.shiftl c delta) (m - Z.shiftl c delta) on_d on_y lx ux ly uy ld ud x y P
    X Y D)
    as [r [I L]].
  rewrite I. simpl. rewrite plus_IZR, minus_IZR, shiftl_IZR in L by assumption. subst d. lra.
Qed.

Lemma dot_hd_tl c x v : dot c (x :: v) = IZR (hd 0%Z c) * x + dot (tl c) v.
Proof. destruct c; [unfold dot; simpl; lra | apply dot_cons]. Qed.

Lemma push_entries_correct delta : (0 <= delta)%Z -> forall lx ux xs, within lx ux xs ->
  forall ly uy ys ld ud ds index cd cu mine hint,
  within ly uy ys -> within ld ud ds -> length xs = length ds -> length ys = length ds ->
  ds = map2 (fun a b => (a - b) * pow2 delta) xs ys ->
  (forall i, (nth i index 0 < 0)%Z -> nth i ys 0 = 0) ->
  match push_entries delta lx ux ly uy ld ud index cd cu mine hint with
  | Some p => dot (on_u p) (map relu xs) + dot (on_x p) xs + dot (on_inner p) ds + dot (on_y p) ys +
      IZR (push_constant p)
      <= dot cd (map2 (fun a b => (a - b) * pow2 delta) (map relu xs) (map relu ys))
         + dot cu (map relu xs) + dot (on_w p) (map relu ys)
  | None => False
  end.
Proof.
  intros P lx ux xs WX. induction WX as [|lx0 ux0 x lx ux xs BX WX IH];
    intros ly uy ys ld ud ds index cd cu mine hint WY WD L1 L2 E U.
  - simpl. rewrite !dot_nil_r. unfold dot; simpl. lra.
  - revert E. inversion WY as [|ly0 uy0 y ly' uy' ys' BY WY']; subst ys; [simpl in *; congruence|].
    inversion WD as [|ld0 ud0 d ld' ud' ds' BD WD']; subst ds; [simpl in *; congruence|].
    intros E. simpl map2 in *. simpl map. injection E as E0 E. simpl length in *. injection L1 as L1.
      injection L2 as L2.
    simpl push_entries.
    assert (U0 : (0 <=? hd 0 index)%Z = false -> y = 0).
    { intros N. apply Z.leb_gt in N. apply (U 0%nat). destruct index; [simpl in N; lia | exact N]. }
    pose proof (push_entry_correct delta lx0 ux0 ly0 uy0 ld0 ud0 _ (hd 0%Z cd) (hd 0%Z cu) (hd 0%Z mine) (hd_slopes
      hint)
                  x y d P BX BY BD E0 U0) as HE.
    assert (U1 : forall i, (nth i (tl index) 0 < 0)%Z -> nth i ys' 0 = 0).
    { intros i N. apply (U (S i)). destruct index; [destruct i; simpl in N; lia | exact N]. }
    specialize (IH ly' uy' ys' ld' ud' ds' (tl index) (tl cd) (tl cu) (tl mine) (tl_slopes hint) WY' WD' L1 L2 E U1).
    destruct (push_entry _ _ _ _ _ _ _ _ _ _ _ _) as [e|]; [|exact HE].
    destruct (push_entries _ _ _ _ _ _ _ _ _ _ _ _) as [p|]; [|exact IH].
    simpl. rewrite !dot_cons, (dot_hd_tl cd), (dot_hd_tl cu), plus_IZR. lra.
Qed.

(** Soundness needs nothing of sigma: entries out of range pick nothing. *)
Theorem push_pair_correct delta sigma size_w cd cu cw x y d hint xs ys ds us ws Ds : (0 <= delta)%Z ->
  within (fst x) (snd x) xs -> within (fst y) (snd y) (gathered sigma ys) -> within (fst d) (snd d) ds ->
  difference_means delta sigma xs ys ds -> us = map relu xs -> ws = map relu ys -> length ws = size_w ->
  difference_means delta sigma us ws Ds ->
  match push_pair delta sigma size_w cd cu cw x y d hint with
  | Some p => dot (on_u p) us + dot (on_w p) ws + dot (on_x p) xs + dot (on_inner p) ds + dot (on_y p) ys +
      IZR (push_constant p)
              <= dot cd Ds + dot cu us + dot cw ws
  | None => False
  end.
Proof.
  intros P WX WY WD [L1 [L2 E]] -> -> S [_ [_ ->]]. unfold push_pair.
  assert (U : forall i, (nth i (match sigma with None => [] | Some index => index end) 0 < 0)%Z ->
    nth i (gathered sigma ys) 0 = 0).
  { intros i N. destruct sigma as [index|]; [|destruct i; simpl in N; lia]. simpl. unfold gather.
    destruct (Nat.lt_ge_cases i (length index)) as [L | G].
    - rewrite nth_indep with (d' := nthz 0%R ys 0%Z) by (rewrite map_length; assumption).
      rewrite (map_nth (nthz 0%R ys)). unfold nthz.
      destruct (Z.ltb_spec (nth i index 0%Z) 0); [reflexivity | lia].
    - apply nth_overflow. rewrite map_length. assumption. }
  pose proof (push_entries_correct delta P _ _ _ WX _ _ _ _ _ _
    (match sigma with None => [] | Some index => index end) cd cu (owned sigma cw) hint WY WD L1 L2 E U) as H.
  destruct (push_entries _ _ _ _ _ _ _ _ _ _ _ _) as [p|]; [|exact H]. simpl.
  rewrite dot_addl, dot_opp, !dot_scattered, gathered_relu by (rewrite map_length in S; rewrite ?map_length;
    assumption). lra.
Qed.

Lemma dot_map_shiftl delta c : (0 <= delta)%Z -> forall v, dot (map (fun a => Z.shiftl a delta) c) v = pow2 delta *
  dot c v.
Proof.
  intros P. induction c as [|a c IH]; intros [|x v]; try (unfold dot; simpl; lra).
  simpl map. rewrite !dot_cons, IH, shiftl_IZR by assumption. lra.
Qed.

Lemma dot_differences delta c : forall u w, length u = length w ->
  dot c (map2 (fun a b => (a - b) * pow2 delta) u w) = pow2 delta * dot c u - pow2 delta * dot c w.
Proof.
  induction c as [|k c IH]; intros [|x u] [|y w] L; simpl in L; try discriminate; rewrite ?dot_nil_r;
    try (unfold dot; simpl; lra).
  simpl map2. rewrite !dot_cons, IH by lia. lra.
Qed.

Theorem push_direct_correct delta sigma size_w c u w d : (0 <= delta)%Z -> length w = size_w ->
  difference_means delta sigma u w d ->
  dot (fst (push_direct delta sigma size_w c)) u + dot (snd (push_direct delta sigma size_w c)) w = dot c d.
Proof.
  intros P S [L1 [L2 ->]]. unfold push_direct. simpl.
  rewrite dot_opp, dot_scattered, !dot_map_shiftl, dot_differences by congruence. lra.
Qed.
