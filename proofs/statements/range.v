(** *range*: the largest value of a closed form over a box. Spec: statements.md#range. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result exact enclosures.
From Certify.rules Require Import matrices.
From Certify.statements Require Import stationary.
Import ListNotations.
Open Scope string_scope.
Open Scope list_scope.
Open Scope Z_scope.

Record words := { constants : matrix_words; program : matrix_words; box : matrix_words; limit : ratio }.

(** An operation and what it takes. *)
Definition step := (Z * Z * Z)%type.

Definition entry {A} (l : list A) (a : Z) : option A := if 0 <=? a then nth_error l (Z.to_nat a) else None.

(** ** What it says *)

Open Scope R_scope.

(** The value of a step on constants, variables and earlier values; none where it is not defined. *)
Definition step_value (cs xs done : list R) (s : step) : option R :=
  let '(op, a, b) := s in
  let one f := match entry done a with Some u => f u | None => None end in
  let two f := one (fun u => match entry done b with Some v => f u v | None => None end) in
  match op with
  | 0%Z => entry cs a
  | 1%Z => entry xs a
  | 2%Z => two (fun u v => Some (u + v))
  | 3%Z => two (fun u v => Some (u - v))
  | 4%Z => two (fun u v => Some (u * v))
  | 5%Z => two (fun u v => if Req_EM_T v 0 then None else Some (u / v))
  | 6%Z => one (fun u => if (1 <=? b)%Z then Some (u ^ Z.to_nat b) else None)
  | 7%Z => two (fun u v => Some (Rmin u v))
  | 8%Z => two (fun u v => Some (Rmax u v))
  | 9%Z => one (fun u => if Rle_dec 0 u then Some (sqrt u) else None)
  | 10%Z => one (fun u => Some (exp u))
  | 11%Z => one (fun u => if Rlt_dec 0 u then Some (ln u) else None)
  | _ => None
  end.

Fixpoint run (cs xs done : list R) (steps : list step) : option (list R) :=
  match steps with
  | [] => Some done
  | s :: rest => match step_value cs xs done s with Some v => run cs xs (done ++ [v]) rest | None => None end
  end.

Definition row (f : nat -> R) (n : nat) : list R := map f (seq 0 n).

(** Row i of the program is the i-th step. *)
Definition reads (m : nat -> nat -> R) (rows : nat) (steps : list step) : Prop :=
  length steps = rows /\
  forall i, (i < rows)%nat ->
  let '(op, a, b) := nth i steps (0, 0, 0)%Z in m i 0%nat = IZR op /\ m i 1%nat = IZR a /\ m i 2%nat = IZR b.

Definition holds (s : store) (w : words) : Prop :=
  let n := mw_columns (box w) in
  let low := meaning s (box w) 0 in
  let high := meaning s (box w) 1 in
  mw_rows (box w) = 2%nat /\ mw_columns (program w) = 3%nat /\ (forall j, (j < n)%nat -> low j <= high j) /\
  exists steps, reads (meaning s (program w)) (mw_rows (program w)) steps /\
  forall x, (forall j, (j < n)%nat -> low j <= x j <= high j) ->
  exists vs, run (row (meaning s (constants w) 0) (mw_columns (constants w))) (row x n) [] steps = Some vs /\
             last vs 0 <= number (limit w).

(** ** The check *)

Open Scope Z_scope.

Definition step_of (den : Z) (r : list Z) : step := (nth 0 r 0 / den, nth 1 r 0 / den, nth 2 r 0 / den).

Definition steps_of (m : matrix) : list step := map (step_of (m_den m)) (m_cells m).

(** A step names what there is. *)
Definition known (constants variables i : Z) (s : step) : bool :=
  let '(op, a, b) := s in
  let first := if op =? 0 then constants else if op =? 1 then variables else i in
  let second := if (2 <=? op) && (op <=? 5) || (op =? 7) || (op =? 8) then b else 0 in
  (0 <=? op) && (op <=? 11) && (0 <=? a) && (a <? first) && (0 <=? second) && (second <? Z.max i 1).

Fixpoint all_known (constants variables i : Z) (steps : list step) : bool :=
  match steps with [] => true | s :: rest => known constants variables i s && all_known constants variables (i + 1) rest end.

Definition enclosed_row (p den : Z) (low high : list Z) : list pair :=
  map2 (fun a b => (Z.shiftl a p / den, - (Z.shiftl (- b) p / den))) low high.

Definition past {A} (l : list A) (a : Z) : result A := get "program" (entry l a).

Definition step_enclosure (p k : Z) (cs xs done : list pair) (s : step) : result pair :=
  let '(op, a, b) := s in
  let one f := u <- past done a ;; f u in
  let two f := u <- past done a ;; v <- past done b ;; f u v in
  match op with
  | 0 => past cs a
  | 1 => past xs a
  | 2 => two (fun u v => Ok (add u v))
  | 3 => two (fun u v => Ok (subtract u v))
  | 4 => two (fun u v => Ok (multiply p u v))
  | 5 => two (divide p)
  | 6 => one (fun u => power p u b)
  | 7 => two (fun u v => Ok (least u v))
  | 8 => two (fun u v => Ok (largest u v))
  | 9 => one (root p)
  | 10 => one (exponential p k)
  | 11 => one (logarithm p k)
  | _ => Reject "program"
  end.

Fixpoint enclosures (p k : Z) (cs xs done : list pair) (steps : list step) : result (list pair) :=
  match steps with
  | [] => Ok done
  | s :: rest =>
      z <- step_enclosure p k cs xs done s ;;
      _ <- (if (Z.abs (fst z) <? Z.shiftl 1 4000) && (Z.abs (snd z) <? Z.shiftl 1 4000) then Ok tt else Decline "limit") ;;
      enclosures p k cs xs (done ++ [z]) rest
  end.

Fixpoint replaced (part : list pair) (j : nat) (z : pair) : list pair :=
  match part, j with
  | [], _ => []
  | _ :: r, O => z :: r
  | y :: r, S m => y :: replaced r m z
  end.

(** The leaves below the boxes in [todo]. *)
Fixpoint leaves (p k : Z) (cs : list pair) (steps : list step) (num den : Z) (items : list (list Z)) (todo : list (list pair))
    : result unit :=
  match items, todo with
  | [], [] => Ok tt
  | [], _ => Reject "not-a-cut"
  | _, [] => Reject "not-a-cut"
  | item :: rest, part :: others =>
      match item with
      | [] =>
          zs <- enclosures p k cs part [] steps ;;
          _ <- need "above-limit" (snd (last zs (0, 0)) * den <=? Z.shiftl num p) ;;
          leaves p k cs steps num den rest others
      | [j; q] =>
          z <- get "not-a-cut" (entry part j) ;;
          _ <- need "not-a-cut" ((fst z <=? q) && (q <=? snd z)) ;;
          let side z := replaced part (Z.to_nat j) z in
          leaves p k cs steps num den rest (side (fst z, q) :: side (q, snd z) :: others)
      | _ => Reject "not-a-cut"
      end
  end.

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  _ <- need "denominator" (0 <? snd (limit w)) ;;
  c <- read_matrix s (constants w) ;;
  b <- read_matrix s (box w) ;;
  m <- read_matrix s (program w) ;;
  _ <- need "shape" ((m_rows c =? 1) && (m_rows b =? 2) && (m_columns m =? 3))%nat ;;
  let low := nth 0 (m_cells b) [] in
  let high := nth 1 (m_cells b) [] in
  _ <- need "empty-box" (forallb (fun z => fst z <=? snd z) (combine low high)) ;;
  _ <- (if (m_rows m <=? 1000)%nat then Ok tt else Decline "limit") ;;
  _ <- need "program" (forallb (forallb (fun v => v mod m_den m =? 0)) (m_cells m)) ;;
  let steps := steps_of m in
  _ <- need "program" (all_known (Z.of_nat (m_columns c)) (Z.of_nat (m_columns b)) 0 steps) ;;
  item <- get "hint" (nth_error (ev_items e) 0) ;;
  match item with
  | [p; k] =>
      _ <- need "hint" ((0 <=? p) && (0 <=? k)) ;;
      _ <- (if (p <=? 200) && (k <=? 200) then Ok tt else Decline "limit") ;;
      _ <- (if Z.of_nat (length steps) * Z.of_nat (length (ev_items e)) <=? 100000000 then Ok tt else Decline "limit") ;;
      let given := nth 0 (m_cells c) [] in
      leaves p k (enclosed_row p (m_den c) given given) steps (fst (limit w)) (snd (limit w)) (tl (ev_items e))
        [enclosed_row p (m_den b) low high]
  | _ => Reject "hint"
  end.

(** ** It is sound *)

Open Scope R_scope.

Definition enclose (p : Z) : list pair -> list R -> Prop := Forall2 (encloses p).

Lemma entry_related {A B} (r : A -> B -> Prop) l m a z : Forall2 r l m -> entry l a = Some z -> exists v, entry m a = Some v /\ r z v.
Proof.
  unfold entry. intros F. destruct (0 <=? a)%Z; [|discriminate]. revert m F. induction (Z.to_nat a) as [|n IH] in l |- *;
    intros m F E; destruct F; simpl in *; try discriminate; [injection E as <-; eauto | eauto].
Qed.

Ltac past E F := let H := fresh "H" in let u := fresh "u" in let U := fresh "U" in
  unfold past in E; apply get_ok in E; destruct (entry_related _ _ _ _ _ F E) as (u & H & U).

Lemma step_enclosed p k cs xs done s z rcs rxs rdone : (0 <= p)%Z -> (0 <= k)%Z ->
  enclose p cs rcs -> enclose p xs rxs -> enclose p done rdone -> step_enclosure p k cs xs done s = Ok z ->
  exists v, step_value rcs rxs rdone s = Some v /\ encloses p z v.
Proof.
  intros P K C X D E. destruct s as [[op a] b]. unfold step_enclosure in E. unfold step_value.
  destruct op as [|op|op]; [past E C; eauto | | discriminate].
  assert (One : forall f, (u <- past done a ;; f u) = Ok z ->
            exists y u, entry rdone a = Some u /\ encloses p y u /\ f y = Ok z).
  { intros f G. apply bind_ok in G. destruct G as (y & G & Gf). past G D. eauto 6. }
  assert (Two : forall f, (u <- past done a ;; v <- past done b ;; f u v) = Ok z ->
            exists y u y' v, entry rdone a = Some u /\ entry rdone b = Some v /\ encloses p y u /\ encloses p y' v /\ f y y' = Ok z).
  { intros f G. apply bind_ok in G. destruct G as (y & G & Gf). apply bind_ok in Gf. destruct Gf as (y' & G' & Gf).
    past G D. past G' D. eauto 12. }
  do 4 (try destruct op as [op|op|]); try discriminate;
    try (apply Two in E; destruct E as (y & u & y' & v & -> & -> & U & V & E));
    try (apply One in E; destruct E as (y & u & -> & U & E));
    try (injection E as <-; eexists; split; [reflexivity|]);
    try (apply add_encloses; assumption); try (apply subtract_encloses; assumption); try (apply multiply_encloses; assumption);
    try (apply least_encloses; assumption); try (apply largest_encloses; assumption).
  - destruct (logarithm_encloses p P k y z u K E U) as [L B]. destruct (Rlt_dec 0 u); [eauto | contradiction].
  - destruct (root_encloses p P y z u E U) as [L B]. destruct (Rle_dec 0 u); [eauto | contradiction].
  - destruct (divide_encloses p P y y' z u v E U V) as [L B]. destruct (Req_EM_T v 0); [contradiction | eauto].
  - eauto using exponential_encloses.
  - destruct (power_encloses p P y b z u E U) as [L B]. apply Z.leb_le in L. rewrite L. eauto.
  - past E X. eauto.
Qed.

Lemma run_enclosed p k cs xs rcs rxs steps : (0 <= p)%Z -> (0 <= k)%Z -> enclose p cs rcs -> enclose p xs rxs ->
  forall done rdone zs, enclose p done rdone -> enclosures p k cs xs done steps = Ok zs ->
  exists vs, run rcs rxs rdone steps = Some vs /\ enclose p zs vs.
Proof.
  intros P K C X. induction steps as [|s rest IH]; intros done rdone zs D E; cbn [enclosures run] in *.
  - injection E as <-. eauto.
  - apply bind_ok in E. destruct E as (z & Es & E). apply bind_ok in E. destruct E as (u & _ & E).
    destruct (step_enclosed p k cs xs done s z rcs rxs rdone P K C X D Es) as (v & -> & V).
    apply (IH (done ++ [z]) (rdone ++ [v])); [|exact E]. apply Forall2_app; [exact D|]. constructor; [exact V | constructor].
Qed.

Lemma last_enclosed p zs vs : enclose p zs vs -> zs <> [] -> encloses p (last zs (0, 0)%Z) (last vs 0).
Proof.
  intros F. induction F as [|z v zs vs Z F IH]; intros N; [contradiction|].
  destruct F as [|z' v' zs vs Z' F]; [exact Z|]. apply IH. discriminate.
Qed.

Lemma enclosures_grow p k cs xs steps : forall done zs, enclosures p k cs xs done steps = Ok zs ->
  length zs = (length done + length steps)%nat.
Proof.
  induction steps as [|s rest IH]; intros done zs E; cbn [enclosures] in E; [injection E as <-; simpl; lia|].
  apply bind_ok in E. destruct E as (z & _ & E). apply bind_ok in E. destruct E as (u & _ & E). rewrite (IH _ _ E), app_length.
  simpl. lia.
Qed.

(** A side of a cut encloses what lies on it. *)
Lemma replaced_enclose p part xs j z v : enclose p part xs -> nth_error xs j = Some v -> encloses p z v ->
  enclose p (replaced part j z) xs.
Proof.
  intros F. revert j. induction F as [|y x part xs Y F IH]; intros j E Z; [constructor|].
  destruct j as [|j]; simpl in *; [injection E as ->; constructor; assumption|]. constructor; [exact Y | apply IH; assumption].
Qed.

Section Tree.
Variables (p k : Z) (cs : list pair) (rcs : list R) (steps : list step) (num den : Z).
Hypotheses (P : (0 <= p)%Z) (K : (0 <= k)%Z) (D : (0 < den)%Z) (C : enclose p cs rcs) (N : steps <> []).

Definition good (xs : list R) : Prop := exists vs, run rcs xs [] steps = Some vs /\ last vs 0 <= IZR num / IZR den.

Lemma leaf_good part zs xs : enclosures p k cs part [] steps = Ok zs -> (snd (last zs (0, 0)) * den <= Z.shiftl num p)%Z ->
  enclose p part xs -> good xs.
Proof.
  intros E L X. destruct (run_enclosed p k cs part rcs xs steps P K C X [] [] zs (Forall2_nil _) E) as (vs & R1 & V).
  exists vs. split; [exact R1|]. assert (G := enclosures_grow p k cs part steps [] zs E).
  assert (M : zs <> []) by (intros ->; destruct steps; [contradiction | discriminate]).
  destruct (last_enclosed p zs vs V M) as [_ B]. rewrite over_le in B by exact P.
  apply IZR_le in L. rewrite Z.shiftl_mul_pow2, !mult_IZR in L by exact P. fold (pow2 p) in L. apply IZR_lt in D.
  assert (H := pow2_pos p P). apply (Rmult_le_reg_r (IZR den * pow2 p)); [nra|].
  replace (IZR num / IZR den * (IZR den * pow2 p)) with (IZR num * pow2 p) by (field; lra). nra.
Qed.

Lemma leaves_good items : forall todo, leaves p k cs steps num den items todo = Ok tt ->
  forall part, In part todo -> forall xs, enclose p part xs -> good xs.
Proof.
  induction items as [|item rest IH]; intros todo E part I xs X; destruct todo as [|first others]; cbn [leaves] in E;
    try discriminate; [destruct I|].
  destruct item as [|j [|q [|? ?]]]; try discriminate.
  - apply bind_ok in E. destruct E as (zs & Ez & E). apply bind_ok in E. destruct E as (u & L & E). apply need_ok, Z.leb_le in L.
    destruct I as [<-|I]; [exact (leaf_good first zs xs Ez L X) | exact (IH others E part I xs X)].
  - apply bind_ok in E. destruct E as (z & Ez & E). apply get_ok in Ez. apply bind_ok in E. destruct E as (u & Q & E).
    specialize (IH _ E). destruct I as [<-|I]; [|apply (IH part); [right; right; exact I | exact X]].
    destruct (entry_related _ _ _ _ _ X Ez) as (v & Ev & Z). unfold entry in Ev. destruct (0 <=? j)%Z; [|discriminate].
    unfold encloses in Z. destruct (Rle_lt_dec v (over p q)) as [S|S].
    + apply (IH _ (or_introl eq_refl)). apply (replaced_enclose p first xs _ _ v X Ev). split; simpl; lra.
    + apply (IH _ (or_intror (or_introl eq_refl))). apply (replaced_enclose p first xs _ _ v X Ev). split; simpl; lra.
Qed.
End Tree.

Lemma enclosed_row_encloses p den low high f n : (0 <= p)%Z -> (0 < den)%Z -> length low = n -> length high = n ->
  (forall j, (j < n)%nat -> IZR (nth j low 0%Z) / IZR den <= f j <= IZR (nth j high 0%Z) / IZR den) ->
  enclose p (enclosed_row p den low high) (row f n).
Proof.
  intros P D. revert low high f. induction n as [|n IH]; intros low high f L1 L2 F;
    destruct low as [|a low], high as [|b high]; try discriminate; [constructor|].
  unfold row. cbn [seq map]. rewrite <- seq_shift, map_map. constructor.
  - specialize (F 0%nat ltac:(lia)). cbn [nth] in F. destruct F as [F1 F2]. assert (H := pow2_pos p P).
    assert (D' := D). apply IZR_lt in D'. unfold encloses. rewrite le_over, over_le by exact P. cbn [fst snd]. split.
    + assert (G := floor_le (Z.shiftl a p) den D). rewrite (Z.shiftl_mul_pow2 a), mult_IZR in G by exact P. fold (pow2 p) in G.
      apply (Rmult_le_reg_r (IZR den)); [exact D'|].
      apply (Rmult_le_compat_r (IZR den * pow2 p)) in F1; [|nra].
      replace (IZR a / IZR den * (IZR den * pow2 p)) with (IZR a * pow2 p) in F1 by (field; lra).
      rewrite Z.shiftl_mul_pow2 by exact P. lra.
    + assert (G := floor_le (Z.shiftl (- b) p) den D). rewrite (Z.shiftl_mul_pow2 (- b)), mult_IZR in G by exact P. fold (pow2 p) in G.
      apply (Rmult_le_reg_r (IZR den)); [exact D'|].
      apply (Rmult_le_compat_r (IZR den * pow2 p)) in F2; [|nra].
      replace (IZR b / IZR den * (IZR den * pow2 p)) with (IZR b * pow2 p) in F2 by (field; lra).
      rewrite opp_IZR in *. rewrite Z.shiftl_mul_pow2 by exact P. lra.
  - apply (IH low high (fun j => f (S j))); [simpl in *; lia | simpl in *; lia|].
    intros j J. exact (F (S j) ltac:(lia)).
Qed.

Lemma ordered_row low high j : forallb (fun z => (fst z <=? snd z)%Z) (combine low high) = true ->
  (j < length low)%nat -> (j < length high)%nat -> (nth j low 0 <= nth j high 0)%Z.
Proof.
  revert high j. induction low as [|a low IH]; intros high j H I J; [simpl in I; lia|]. destruct high as [|b high]; [simpl in J; lia|].
  simpl in H. apply andb_prop in H. destruct H as [H1 H2]. destruct j as [|j]; [apply Z.leb_le, H1|].
  simpl in *. apply IH; [exact H2 | lia | lia].
Qed.

Lemma steps_read m : formed m -> m_columns m = 3%nat ->
  forallb (forallb (fun v => (v mod m_den m =? 0)%Z)) (m_cells m) = true -> reads (value m) (m_rows m) (steps_of m).
Proof.
  intros (D & R1 & C1 & L & W) C H. unfold reads, steps_of. rewrite map_length. split; [exact L|]. intros i I.
  rewrite (nth_indep _ _ (step_of (m_den m) [])) by (rewrite map_length; lia). rewrite map_nth. unfold step_of.
  assert (In0 : In (nth i (m_cells m) []) (m_cells m)) by (apply nth_In; lia).
  rewrite forallb_forall in H. specialize (H _ In0). rewrite forallb_forall in H.
  rewrite Forall_forall in W. specialize (W _ In0). rewrite C in W.
  assert (E : forall j, (j < 3)%nat -> value m i j = IZR (nth j (nth i (m_cells m) []) 0%Z / m_den m)).
  { intros j J. assert (M := H _ (nth_In (nth i (m_cells m) []) 0%Z (n := j) ltac:(lia))). apply Z.eqb_eq in M.
    unfold value, cell. set (v := nth j (nth i (m_cells m) []) 0%Z) in *.
    assert (Q := Z.div_mod v (m_den m) ltac:(lia)). rewrite M, Z.add_0_r in Q. rewrite Q at 1. rewrite mult_IZR.
    apply IZR_lt in D. field. lra. }
  repeat split; apply E; lia.
Qed.

Theorem range_correct s w e : check s w e = Ok tt -> holds s w.
Proof.
  intros H. unfold check in H.
  apply bind_ok in H. destruct H as (u0 & D & H). apply need_ok, Z.ltb_lt in D.
  apply bind_ok in H. destruct H as (c & Hc & H). destruct (read_matrix_correct _ _ _ Hc) as (Fc & Rc & Cc & Vc).
  apply bind_ok in H. destruct H as (b & Hb & H). destruct (read_matrix_correct _ _ _ Hb) as (Fb & Rb & Cb & Vb).
  apply bind_ok in H. destruct H as (m & Hm & H). destruct (read_matrix_correct _ _ _ Hm) as (Fm & Rm & Cm & Vm).
  apply bind_ok in H. destruct H as (u1 & Sh & H). apply need_ok in Sh. apply andb_prop in Sh. destruct Sh as [Sh S3].
  apply andb_prop in Sh. destruct Sh as [S1 S2]. apply Nat.eqb_eq in S1, S2, S3.
  apply bind_ok in H. destruct H as (u2 & O & H). apply need_ok in O.
  apply bind_ok in H. destruct H as (u3 & _ & H).
  apply bind_ok in H. destruct H as (u4 & W & H). apply need_ok in W.
  apply bind_ok in H. destruct H as (u5 & _ & H).
  apply bind_ok in H. destruct H as (item & _ & H). destruct item as [|p [|k [|? ?]]]; try discriminate.
  apply bind_ok in H. destruct H as (u6 & Q & H). apply need_ok, andb_prop in Q. destruct Q as [P K]. apply Z.leb_le in P, K.
  apply bind_ok in H. destruct H as (u7 & _ & H). apply bind_ok in H. destruct H as (u8 & _ & H).
  assert (Lb : forall i, (i < 2)%nat -> length (nth i (m_cells b) []) = m_columns b).
  { intros i I. destruct Fb as (_ & _ & _ & L & F). rewrite Forall_forall in F. apply F, nth_In. lia. }
  assert (Lc : length (nth 0 (m_cells c) []) = m_columns c).
  { destruct Fc as (_ & _ & _ & L & F). rewrite Forall_forall in F. apply F, nth_In. lia. }
  assert (Ec : forall j, (j < m_columns c)%nat -> meaning s (constants w) 0 j = IZR (nth j (nth 0 (m_cells c) []) 0%Z) / IZR (m_den c)).
  { intros j J. rewrite <- Vc by lia. reflexivity. }
  assert (Eb : forall i j, (i < 2)%nat -> (j < m_columns b)%nat ->
            meaning s (box w) i j = IZR (nth j (nth i (m_cells b) []) 0%Z) / IZR (m_den b)).
  { intros i j I J. rewrite <- Vb by lia. reflexivity. }
  unfold holds. rewrite <- Rb, <- Cm, <- Cb, <- Cc, <- Rm. split; [exact S2|]. split; [exact S3|]. split.
  - intros j J. rewrite !Eb by lia. apply Rmult_le_compat_r.
    + left. apply Rinv_0_lt_compat, IZR_lt. apply Fb.
    + apply IZR_le. apply (ordered_row _ _ j O); rewrite Lb; lia.
  - exists (steps_of m). split.
    + destruct (steps_read m Fm S3 W) as [L R]. split; [exact L|]. intros i I. specialize (R i I).
      destruct (nth i (steps_of m) (0, 0, 0)%Z) as [[op x] y]. rewrite <- !Vm by lia. exact R.
    + intros x X.
      assert (C : enclose p (enclosed_row p (m_den c) (nth 0 (m_cells c) []) (nth 0 (m_cells c) []))
                    (row (meaning s (constants w) 0) (m_columns c))).
      { apply enclosed_row_encloses; try assumption; [apply Fc|]. intros j J. rewrite (Ec j J). lra. }
      assert (N : steps_of m <> []).
      { unfold steps_of. destruct Fm as (_ & R & _ & L & _). destruct (m_cells m); [simpl in L; lia | discriminate]. }
      refine (leaves_good p k _ _ (steps_of m) (fst (limit w)) (snd (limit w)) P K D C N (tl (ev_items e)) _ H _ (or_introl eq_refl)
                (row x (m_columns b)) _).
      apply enclosed_row_encloses; [exact P | apply Fb | apply Lb; lia | apply Lb; lia|].
      intros j J. rewrite <- !Eb by lia. apply X, J.
Qed.
