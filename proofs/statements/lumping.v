(** *lumping*: the law of the blocks of a chain stays near that of a smaller chain. Spec: statements.md#lumping. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result exact contraction powers blocks.
From Certify.rules Require Import matrices.
From Certify.statements Require stationary.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := { chain : matrix_words; blocks : matrix_words; macro : matrix_words; start : ratio; limit : ratio }.

(** ** What it says *)

Open Scope R_scope.

(** The law of the blocks, where state i lies in block b_i. *)
Definition lumped (n : nat) (b : nat -> R) (mu : nat -> R) (k : nat) : R :=
  sum n (fun i => if Req_EM_T (b i) (INR k) then mu i else 0).

(** Total variation. *)
Definition tv (m : nat) (x y : nat -> R) : R := / 2 * sum m (fun k => Rabs (x k - y k)).

Definition holds (s : store) (w : words) : Prop :=
  let n := mw_rows (chain w) in
  let m := mw_rows (macro w) in
  let p := meaning s (chain w) in
  let pi := meaning s (macro w) in
  let b i := meaning s (blocks w) 0 i in
  stationary.stochastic n p /\ stationary.stochastic m pi /\
  (forall i, (i < n)%nat -> exists k, (k < m)%nat /\ b i = INR k) /\
  forall mu nu, stationary.law n mu -> stationary.law m nu ->
  tv m (lumped n b mu) nu <= stationary.number (start w) ->
  forall t, tv m (lumped n b (stationary.after n p t mu)) (stationary.after m pi t nu) <= stationary.number (limit w).

(** ** The check *)

Open Scope Z_scope.

(** From time [t] on, [steps] before the last: [half], [start] and [limit] as rationals, [one] = 2^(bits + 1), tau and
    [total] over it. *)
Fixpoint add_up (m : Z) (columns : list (list Z)) (den one : Z) (half start limit : ratio) (steps : nat) (t : Z)
    (power : list (list Z)) (total : Z) : result unit :=
  let '((hn, hd), (sn, sd), (ln, ld)) := (half, start, limit) in
  let tau := apart power + 2 * t * m in
  match steps with
  | O =>
      _ <- need "not-contracting" (tau <? one) ;;
      need "limit-too-low"
        ((sn * tau * (one - tau) * hd + hn * total * one * sd) * ld <=? ln * (one - tau) * one * sd * hd)
  | S fewer =>
      _ <- need "limit-too-low" ((sn * tau * hd + hn * total * sd) * ld <=? ln * one * sd * hd) ;;
      add_up m columns den one half start limit fewer (t + 1) (next_power columns den power) (total + tau)
  end.

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  _ <- need "denominator" ((0 <? snd (start w)) && (0 <? snd (limit w))) ;;
  p <- read_matrix s (chain w) ;;
  b <- read_matrix s (blocks w) ;;
  pi <- read_matrix s (macro w) ;;
  _ <- stationary.laws p ;;
  _ <- stationary.laws pi ;;
  _ <- need "shape" ((m_rows b =? 1) && (m_columns b =? m_rows p))%nat ;;
  let cells := concat (m_cells b) in
  let fits v := (v mod m_den b =? 0) && (0 <=? v) && (v <? m_den b * Z.of_nat (m_rows pi)) in
  _ <- need "blocks" (forallb fits cells) ;;
  _ <- need "negative-start" (0 <=? fst (start w)) ;;
  let index := map (fun v => Z.to_nat (v / m_den b)) cells in
  let eps := largest (losses index p pi) in
  if eps =? 0 then need "limit-too-low" (fst (start w) * snd (limit w) <=? fst (limit w) * snd (start w))
  else
    item <- get "hint" (nth_error (ev_items e) 0) ;;
    match item with
    | [steps; bits] =>
        _ <- need "hint" ((0 <=? steps) && (0 <=? bits)) ;;
        _ <- (if (steps <=? 2000) && (bits <=? 200) then Ok tt else Decline "limit") ;;
        let m := m_rows pi in
        add_up (Z.of_nat m) (transposed (m_cells pi)) (m_den pi) (Z.shiftl 2 bits)
          (eps, 2 * m_den p * m_den pi) (start w) (limit w) (Z.to_nat steps) 0 (unit_rows m 0 m (Z.shiftl 1 bits)) 0
    | _ => Reject "hint"
    end.

(** ** Errors added up *)

Open Scope R_scope.

Section Errors.
Variable pi : matrix.
Hypothesis Fp : formed pi.
Variable m : nat.
Hypothesis Rp : m_rows pi = m.
Hypothesis Cp : m_columns pi = m.
Variable q : nat -> nat -> R.
Hypothesis Vp : forall i j, (i < m)%nat -> (j < m)%nat -> value pi i j = q i j.
Hypothesis St : stationary.stochastic m q.
Variable unit : Z.
Hypothesis U : (0 < unit)%Z.

Variable d : nat -> nat -> R.
Hypothesis Zero : forall t, sum m (d t) = 0.
Variables half start limit : ratio.
Hypothesis Dh : (0 < snd half)%Z.
Hypothesis Ds : (0 < snd start)%Z.
Hypothesis Dl : (0 < snd limit)%Z.
Hypothesis H0 : (0 <= fst half)%Z.
Hypothesis S0 : (0 <= fst start)%Z.
Let eps := 2 * stationary.number half.
Let most := 2 * stationary.number limit.
Let first := 2 * stationary.number start.
Hypothesis Step : forall t, l1 m (fun j => d (S t) j - stationary.moved m q (d t) j) <= eps.
Hypothesis Start : l1 m (d 0%nat) <= first.

Lemma add_up_correct : forall steps t power total, near m q unit t power -> (0 <= total)%Z ->
  gathers m q d t (IZR total / IZR (2 * unit) * eps) ->
  (forall r, (r < t)%nat -> l1 m (d r) <= first + IZR total / IZR (2 * unit) * eps) ->
  (forall r, (r < t)%nat -> l1 m (d r) <= most) ->
  add_up (Z.of_nat m) (transposed (m_cells pi)) (m_den pi) (2 * unit) half start limit steps (Z.of_nat t) power total = Ok tt ->
  forall r, l1 m (d r) <= most.
Proof.
  destruct half as [hn hd], start as [sn sd], limit as [ln ld]. cbn [fst snd] in *.
  set (one := (2 * unit)%Z). assert (O : (0 < one)%Z) by (unfold one; lia).
  apply IZR_lt in Dh, Ds, Dl. apply IZR_le in H0, S0. assert (O' : 0 < IZR one) by (apply IZR_lt, O).
  assert (P : 0 < IZR one * IZR sd * IZR hd * IZR ld) by (repeat apply Rmult_lt_0_compat; assumption).
  assert (Eps : 0 <= eps).
  { unfold eps, stationary.number. cbn [fst snd]. apply Rmult_le_pos; [lra|]. apply Rmult_le_pos; [exact H0|].
    left. apply Rinv_0_lt_compat, Dh. }
  assert (Ap : 0 <= first).
  { unfold first, stationary.number. cbn [fst snd]. apply Rmult_le_pos; [lra|]. apply Rmult_le_pos; [exact S0|].
    left. apply Rinv_0_lt_compat, Ds. }
  induction steps as [|steps IH]; intros t power total N T G Early Low H; cbn [add_up] in H; fold one in H;
    set (tau := (apart power + 2 * Z.of_nat t * Z.of_nat m)%Z) in *;
    assert (C := near_contracts m q unit U t power N); fold one tau in C; fold one in G, Early;
    assert (A := apart_nonneg power); assert (T1 : (0 <= tau)%Z) by (unfold tau; lia);
    apply bind_ok in H; destruct H as (u & Hu & H); apply need_ok in Hu;
    assert (T2 : 0 <= IZR tau / IZR one)
      by (apply Rmult_le_pos; [apply IZR_le, T1 | left; apply Rinv_0_lt_compat, O']);
    assert (T3 : 0 <= IZR total / IZR one)
      by (apply Rmult_le_pos; [apply IZR_le, T | left; apply Rinv_0_lt_compat, O']);
    assert (Q0 : 0 <= IZR total / IZR one * eps) by (apply Rmult_le_pos; assumption).
  - apply need_ok in H. apply Z.ltb_lt, IZR_lt in Hu. apply Z.leb_le, IZR_le in H.
    assert (T4 : IZR tau / IZR one < 1).
    { apply Rmult_lt_reg_r with (IZR one); [exact O'|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
    apply (never_above m q d Zero t (IZR tau / IZR one) (IZR total / IZR one * eps) first most); auto.
    rewrite !mult_IZR, plus_IZR, !mult_IZR, minus_IZR in H. unfold eps, most, first, stationary.number. cbn [fst snd].
    apply Rmult_le_reg_r with (IZR one * IZR one * IZR sd * IZR hd * IZR ld / 2).
    { assert (0 < IZR one * (IZR one * IZR sd * IZR hd * IZR ld)) by (apply Rmult_lt_0_compat; assumption). lra. }
    match goal with |- ?x <= ?y => match type of H with ?v <= ?w =>
      replace x with v by (field; lra); replace y with w by (field; lra) end end. exact H.
  - apply Z.leb_le, IZR_le in Hu.
    assert (Now : IZR tau / IZR one * first + IZR total / IZR one * eps <= most).
    { rewrite !mult_IZR, plus_IZR, !mult_IZR in Hu. unfold eps, most, first, stationary.number. cbn [fst snd].
      apply Rmult_le_reg_r with (IZR one * IZR sd * IZR hd * IZR ld / 2); [lra|].
      match goal with |- ?x <= ?y => match type of Hu with ?v <= ?w =>
        replace x with v by (field; lra); replace y with w by (field; lra) end end. exact Hu. }
    assert (Short := gathered_short m q St d t _ 0 G).
    assert (Contracted := gathered_contracted m q d Zero t _ _ 0 C G).
    rewrite Nat.add_0_r in Short, Contracted.
    assert (More : IZR (total + tau) / IZR one * eps = IZR total / IZR one * eps + IZR tau / IZR one * eps).
    { rewrite plus_IZR. field. lra. }
    assert (Q1 : 0 <= IZR tau / IZR one * eps) by (apply Rmult_le_pos; assumption).
    assert (Q2 : IZR tau / IZR one * l1 m (d 0%nat) <= IZR tau / IZR one * first)
      by (apply Rmult_le_compat_l; assumption).
    replace (Z.of_nat t + 1)%Z with (Z.of_nat (S t)) in H by lia.
    refine (IH (S t) _ (total + tau)%Z _ _ _ _ _ H).
    + apply near_next; assumption.
    + lia.
    + rewrite More. apply gathers_more; assumption.
    + intros r R. rewrite More. destruct (Nat.eq_dec r t) as [-> | E]; [lra|]. specialize (Early r ltac:(lia)). lra.
    + intros r R. destruct (Nat.eq_dec r t) as [-> | E]; [lra|]. apply Low. lia.
Qed.
End Errors.

(** ** It is sound *)

Lemma folded_lumped n index b x k : (forall i, (i < n)%nat -> b i = INR (index i)) ->
  lumped n b x k = folded n index x k.
Proof.
  intros B. apply sum_ext. intros i I. rewrite (B i I).
  destruct (Req_EM_T _ _) as [E | E], (Nat.eqb_spec (index i) k) as [F | F]; auto.
  - apply INR_eq in E. contradiction.
  - subst k. contradiction.
Qed.

Theorem lumping_correct s w e : check s w e = Ok tt -> holds s w.
Proof.
  intros H. unfold check in H.
  apply bind_ok in H. destruct H as (u0 & H0 & H). apply need_ok in H0. apply andb_prop in H0. destruct H0 as [D1 D2].
  apply Z.ltb_lt in D1, D2.
  apply bind_ok in H. destruct H as (p & Hp & H). destruct (read_matrix_correct _ _ _ Hp) as (Fp & Rp & Cp & Vp).
  apply bind_ok in H. destruct H as (b & Hb & H). destruct (read_matrix_correct _ _ _ Hb) as (Fb & Rb & Cb & Vb).
  apply bind_ok in H. destruct H as (pi & Hq & H). destruct (read_matrix_correct _ _ _ Hq) as (Fq & Rq & Cq & Vq).
  apply bind_ok in H. destruct H as (u1 & H1 & H). destruct (stationary.laws_stochastic p u1 Fp H1) as [Sp Tp].
  apply bind_ok in H. destruct H as (u2 & H2 & H). destruct (stationary.laws_stochastic pi u2 Fq H2) as [Sq Tq].
  apply bind_ok in H. destruct H as (u3 & H3 & H). apply need_ok in H3. apply andb_prop in H3. destruct H3 as [B1 B2].
  apply Nat.eqb_eq in B1, B2.
  apply bind_ok in H. destruct H as (u4 & H4 & H). apply need_ok in H4.
  apply bind_ok in H. destruct H as (u5 & H5 & H). apply need_ok, Z.leb_le in H5.
  set (cells := concat (m_cells b)) in *. set (index := map (fun v => Z.to_nat (v / m_den b)) cells) in *.
  set (n := m_rows p) in *. set (m := m_rows pi) in *.
  assert (Ec : cells = nth 0 (m_cells b) [] /\ length cells = n).
  { destruct Fb as (_ & _ & _ & L & W). unfold cells. rewrite B1 in L.
    destruct (m_cells b) as [|r [|]]; simpl in L; try lia.
    inversion W; subst. simpl. rewrite app_nil_r. split; [reflexivity | lia]. }
  destruct Ec as [Ec Lc].
  assert (Li : length index = n) by (unfold index; rewrite map_length; exact Lc).
  set (idx := fun i => nth i index 0%nat).
  (* Blocks. *)
  assert (Bi : forall i, (i < n)%nat -> (idx i < m)%nat /\ meaning s (blocks w) 0 i = INR (idx i)).
  { intros i I. rewrite <- Vb by lia. unfold value, cell. rewrite <- Ec. unfold idx, index.
    rewrite (nth_indep _ 0%nat (Z.to_nat (0 / m_den b))) by (rewrite map_length; lia).
    rewrite (map_nth (fun v => Z.to_nat (v / m_den b)) cells 0%Z i). set (v := nth i cells 0%Z).
    rewrite forallb_forall in H4. assert (In v cells) as In0 by (apply nth_In; lia). specialize (H4 v In0).
    apply andb_prop in H4. destruct H4 as [X X3]. apply andb_prop in X. destruct X as [X1 X2].
    apply Z.eqb_eq in X1. apply Z.leb_le in X2. apply Z.ltb_lt in X3. destruct Fb as (Db & _).
    assert (Q := Z.div_mod v (m_den b) ltac:(lia)). rewrite X1, Z.add_0_r in Q.
    assert (Y1 : (0 <= v / m_den b)%Z) by (apply Z.div_pos; lia).
    assert (Y2 : (v / m_den b < Z.of_nat m)%Z) by (apply Z.div_lt_upper_bound; lia).
    split; [lia|]. rewrite INR_IZR_INZ, Z2Nat.id by exact Y1. rewrite Q at 1. rewrite mult_IZR. field.
    apply not_0_IZR. lia. }
  (* From what was computed to what was said. *)
  set (pm := meaning s (chain w)). set (qm := meaning s (macro w)).
  assert (Vpn : forall i j, (i < n)%nat -> (j < n)%nat -> value p i j = pm i j) by (intros; apply Vp; fold n; lia).
  assert (Vqm : forall i j, (i < m)%nat -> (j < m)%nat -> value pi i j = qm i j) by (intros; apply Vq; fold m; lia).
  assert (Stp : stationary.stochastic n pm).
  { intros i I. destruct (Tp i I) as [P T]. split; [intros j J; rewrite <- Vpn by assumption; apply P, J|].
    rewrite <- T. apply sum_ext. intros j J. symmetry. apply Vpn; assumption. }
  assert (Stq : stationary.stochastic m qm).
  { intros i I. destruct (Tq i I) as [P T]. split; [intros j J; rewrite <- Vqm by assumption; apply P, J|].
    rewrite <- T. apply sum_ext. intros j J. symmetry. apply Vqm; assumption. }
  unfold holds. rewrite <- Rp, <- Rq. fold n m pm qm. split; [exact Stp|]. split; [exact Stq|]. split.
  { intros i I. exists (idx i). apply Bi, I. }
  intros mu nu Lmu Lnu Near.
  set (x := fun t => stationary.after n pm t mu). set (y := fun t => stationary.after m qm t nu).
  set (d := fun t k => folded n idx (x t) k - y t k).
  assert (Tv : forall t, tv m (lumped n (fun i => meaning s (blocks w) 0 i) (x t)) (y t) = / 2 * l1 m (d t)).
  { intros t. unfold tv, l1. f_equal. apply sum_ext. intros k _. unfold d. f_equal. f_equal. apply folded_lumped.
    intros i I. apply Bi, I. }
  assert (Zero : forall t, sum m (d t) = 0).
  { intros t. unfold d. rewrite (sum_ext m _ (fun k => folded n idx (x t) k + - y t k)) by (intros; ring).
    rewrite sum_add, sum_opp, (folded_total n m) by (intros; apply Bi; assumption).
    unfold x, y. rewrite (after_total n pm Stp), (after_total m qm Stq). destruct Lmu as [_ ->], Lnu as [_ ->]. ring. }
  set (eps := largest (losses index p pi)) in *. set (loss := IZR eps / (IZR (m_den p) * IZR (m_den pi))).
  assert (Step : forall t, l1 m (fun j => d (S t) j - stationary.moved m qm (d t) j) <= loss).
  { intros t.
    apply Rle_trans with (l1 m (fun k => sum n (fun i => x t i * (folded n idx (pm i) k - qm (idx i) k)))).
    - right. apply l1_ext. intros k K. rewrite <- (folded_moved n m idx pm qm (x t) k) by (intros; apply Bi; assumption).
      unfold d. rewrite moved_sub. unfold x, y. simpl. ring.
    - rewrite <- (Rmult_1_r loss), <- (l1_law n (x t) (after_law n pm Stp t mu Lmu)).
      apply (l1_mixed n m (x t) (fun i k => folded n idx (pm i) k - qm (idx i) k)). intros i I.
      destruct (Bi i I) as [I' _].
      assert (A := losses_above index p pi i Fp Fq Li Sp Sq I I'). fold n m eps loss in A.
      apply Rle_trans with (2 := A). right. apply l1_ext. intros k K. rewrite <- Vqm by assumption. f_equal.
      apply sum_ext. intros j J. rewrite Vpn by assumption. reflexivity. }
  assert (Start : l1 m (d 0%nat) <= 2 * stationary.number (start w)).
  { specialize (Tv 0%nat). unfold x, y in Tv. simpl in Tv. rewrite Tv in Near. lra. }
  assert (P1 : 0 < IZR (m_den p)) by (apply IZR_lt, Fp). assert (P2 : 0 < IZR (m_den pi)) by (apply IZR_lt, Fq).
  enough (All : forall t, l1 m (d t) <= 2 * stationary.number (limit w))
    by (intros t; fold (x t) (y t); rewrite Tv; specialize (All t); lra).
  destruct (Z.eqb_spec eps 0) as [E | E].
  - apply need_ok, Z.leb_le, IZR_le in H. rewrite !mult_IZR in H. apply IZR_lt in D1, D2.
    assert (G : stationary.number (start w) <= stationary.number (limit w)).
    { unfold stationary.number. apply Rmult_le_reg_r with (IZR (snd (start w)) * IZR (snd (limit w))).
      - apply Rmult_lt_0_compat; assumption.
      - match goal with |- ?x <= ?y => match type of H with ?v <= ?z =>
          replace x with v by (field; lra); replace y with z by (field; lra) end end. exact H. }
    assert (L0 : loss = 0) by (unfold loss; rewrite E; unfold Rdiv; ring). rewrite L0 in Step.
    assert (C : forall t, contracts m qm t 1) by (intros t z _; rewrite Rmult_1_l; apply (after_short m qm Stq)).
    assert (Gs : forall t, gathers m qm d t 0).
    { induction t as [|t IH]; [apply gathers_none|].
      assert (X := gathers_more m qm Stq d 0 Zero Step t 0 1 ltac:(lra) (C t) IH). rewrite Rmult_0_r, Rplus_0_r in X.
      exact X. }
    intros t. assert (X := gathered_short m qm Stq d t 0 0 (Gs t)). rewrite Nat.add_0_r in X. lra.
  - apply bind_ok in H. destruct H as (item & Hi & H). destruct item as [|steps [|bits [|]]]; try discriminate.
    apply bind_ok in H. destruct H as (u6 & H6 & H). apply need_ok in H6. apply andb_prop in H6. destruct H6 as [K1 K2].
    apply Z.leb_le in K1, K2. apply bind_ok in H. destruct H as (u7 & _ & H).
    assert (One : Z.shiftl 2 bits = (2 * Z.shiftl 1 bits)%Z) by (rewrite !Z.shiftl_mul_pow2 by exact K2; lia).
    assert (U : (0 < Z.shiftl 1 bits)%Z) by (rewrite Z.shiftl_mul_pow2 by exact K2; assert (X := Z.pow_pos_nonneg 2 bits); lia).
    rewrite One in H. set (unit := Z.shiftl 1 bits) in *.
    assert (E0 : (0 <= eps)%Z).
    { unfold eps, largest. generalize (losses index p pi). intros l.
      assert (X : forall l a, (a <= fold_left Z.max l a)%Z).
      { clear. induction l as [|y l IH]; intros a; simpl; [lia|]. specialize (IH (Z.max a y)). lia. }
      apply X. }
    assert (Hl : 2 * stationary.number (eps, (2 * m_den p * m_den pi)%Z) = loss).
    { unfold stationary.number, loss. cbn [fst snd]. rewrite !mult_IZR. field. lra. }
    assert (Dh : (0 < snd (eps, 2 * m_den p * m_den pi))%Z) by (cbn [snd]; apply lt_IZR in P1, P2; lia).
    refine (add_up_correct pi Fq m eq_refl Sq qm Vqm Stq unit U d Zero (eps, (2 * m_den p * m_den pi)%Z) (start w) (limit w)
      Dh D1 D2 E0 H5 _ Start (Z.to_nat steps) 0%nat _ 0%Z _ _ _ _ _ H); try lia.
    + rewrite Hl. exact Step.
    + apply near_start, U.
    + unfold Rdiv. rewrite !Rmult_0_l. apply gathers_none.
Qed.
