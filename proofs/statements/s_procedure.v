(** *s-procedure*: one quadratic inequality follows from others. Spec: statements.md#s-procedure. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result exact.
From Certify.rules Require Import matrices.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := { conclusion : matrix_words; count : nat; premises : matrix_words }.

(** ** What it says *)

Open Scope R_scope.

(** sum_ij V_ij <u_i, u_j> for n vectors of dimension d: u i c is entry c of vector i. *)
Definition gram_form (n d : nat) (v : nat -> nat -> R) (u : nat -> nat -> R) : R :=
  sum n (fun i => sum n (fun j => v i j * sum d (fun c => u i c * u j c))).

(** The premises lie one above the other: entry (i, j) of number k is entry (k n + i, j). *)
Definition holds (s : store) (w : words) : Prop :=
  let n := mw_rows (conclusion w) in
  forall (d : nat) (u : nat -> nat -> R),
  (forall k, (k < count w)%nat -> 0 <= gram_form n d (fun i j => meaning s (premises w) (k * n + i) j) u) ->
  0 <= gram_form n d (meaning s (conclusion w)) u.

(** ** The check *)

Open Scope Z_scope.

(** sum_k m_k B_k, where the rows are those of blocks of [n], one above the other. *)
Fixpoint combination (n : nat) (weights : list Z) (rows : list (list Z)) : list (list Z) :=
  match weights with
  | [] => []
  | m :: rest => add_rows (map (map (Z.mul m)) (firstn n rows)) (combination n rest (skipn n rows))
  end.

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  q <- read_matrix s (conclusion w) ;;
  let n := m_rows q in
  _ <- need "shape" (m_columns q =? n)%nat ;;
  if (count w =? 0)%nat then shown_positive s e q 0
  else
    p <- read_matrix s (premises w) ;;
    _ <- need "shape" ((m_rows p =? count w * n) && (m_columns p =? n))%nat ;;
    m <- hint s e 0 ;;
    _ <- need "shape" ((m_rows m =? 1) && (m_columns m =? count w))%nat ;;
    let weights := concat (m_cells m) in
    _ <- need "negative-multiplier" (forallb (Z.leb 0) weights) ;;
    let total := {| m_rows := n; m_columns := n; m_cells := combination n weights (m_cells p);
                    m_den := m_den m * m_den p |} in
    shown_positive s e (m_sub q total) 1.

(** ** It is sound *)

Open Scope R_scope.

Lemma gram_forms n d v u : gram_form n d v u = sum d (fun c => form n v (fun i => u i c)).
Proof.
  unfold gram_form, form. symmetry. rewrite (sum_swap d n). apply sum_ext. intros i _. rewrite (sum_swap d n).
  apply sum_ext. intros j _. rewrite <- sum_scale. apply sum_ext. intros c _. ring.
Qed.

Lemma gram_form_ext n d v w u : (forall i j, (i < n)%nat -> (j < n)%nat -> v i j = w i j) -> gram_form n d v u = gram_form n d w u.
Proof.
  intros H. unfold gram_form. apply sum_ext. intros i I. apply sum_ext. intros j J. rewrite H; auto.
Qed.

Lemma combination_cell n : forall ws rows i j, (i < n)%nat ->
  IZR (cell (combination n ws rows) i j) = sum (length ws) (fun k => IZR (nth k ws 0%Z) * IZR (cell rows (k * n + i) j)).
Proof.
  induction ws as [|w ws IH]; intros rows i j I; cbn [combination length]; [rewrite cell_nil; reflexivity|].
  rewrite sum_shift, cell_add_rows, plus_IZR, (cell_map (Z.mul w)) by lia. rewrite mult_IZR. cbn [nth].
  assert (E1 : cell (firstn n rows) i j = cell rows (0 * n + i) j).
  { unfold cell. rewrite nth_firstn' by exact I. reflexivity. }
  rewrite E1, IH by exact I. f_equal. apply sum_ext. intros k _. f_equal. f_equal. unfold cell.
  rewrite nth_skipn'. f_equal. f_equal. simpl. lia.
Qed.

Lemma combination_formed n c : forall ws rows, ws <> [] -> length rows = (length ws * n)%nat ->
  Forall (fun r => length r = c) rows ->
  length (combination n ws rows) = n /\ Forall (fun r => length r = c) (combination n ws rows).
Proof.
  assert (G : forall ws rows, length rows = (length ws * n)%nat -> Forall (fun r => length r = c) rows ->
    (ws = [] \/ length (combination n ws rows) = n) /\ Forall (fun r => length r = c) (combination n ws rows)).
  { induction ws as [|w ws IH]; intros rows L F; cbn [combination]; [split; [left; reflexivity | constructor]|].
    cbn [length] in L. rewrite <- (firstn_skipn n rows) in F. apply Forall_app in F. destruct F as [F1 F2].
    assert (L1 : length (map (map (Z.mul w)) (firstn n rows)) = n) by (rewrite map_length, firstn_length; lia).
    assert (M1 := mapped_formed (Z.mul w) c _ F1).
    destruct (IH (skipn n rows)) as [A B]; [rewrite skipn_length; lia | exact F2 |].
    destruct ws as [|w' ws].
    - cbn [combination] in *. destruct (map (map (Z.mul w)) (firstn n rows)) as [|r rs] eqn:E;
        [split; [right; exact L1 | constructor]|]. cbn [add_rows]. split; [right; exact L1 | exact M1].
    - destruct A as [A | A]; [discriminate|].
      destruct (add_rows_formed c (map (map (Z.mul w)) (firstn n rows)) (combination n (w' :: ws) (skipn n rows))) as [X Y];
        [congruence | exact M1 | exact B |]. split; [right; rewrite X; exact L1 | exact Y]. }
  intros ws rows N L F. destruct (G ws rows L F) as [[A | A] B]; [contradiction | split; assumption].
Qed.

Theorem s_procedure_correct s w e : check s w e = Ok tt -> holds s w.
Proof.
  intros H d u Pre. unfold check in H.
  apply bind_ok in H. destruct H as (q & Hq & H). destruct (read_matrix_correct _ _ _ Hq) as (Fq & Rq & Cq & Vq).
  set (n := m_rows q) in *. rewrite <- Rq in *.
  apply bind_ok in H. destruct H as (u1 & H1 & H). apply need_ok in H1. apply Nat.eqb_eq in H1.
  rewrite <- (gram_form_ext n d (value q)) by (intros i j I J; apply Vq; fold n; lia).
  destruct (Nat.eqb_spec (count w) 0) as [Z0 | N0].
  { rewrite gram_forms. apply sum_nonneg. intros c _. exact (shown_positive_correct _ _ _ _ Fq H _). }
  apply bind_ok in H. destruct H as (p & Hp & H). destruct (read_matrix_correct _ _ _ Hp) as (Fp & Rp & Cp & Vp).
  apply bind_ok in H. destruct H as (u2 & H2 & H). apply need_ok in H2. apply andb_prop in H2. destruct H2 as [H2 H3].
  apply Nat.eqb_eq in H2, H3.
  apply bind_ok in H. destruct H as (m & Hm & H).
  unfold hint in Hm. apply bind_ok in Hm. destruct Hm as (mw & _ & Hm). destruct (read_matrix_correct _ _ _ Hm) as (Fm & _ & _ & _).
  apply bind_ok in H. destruct H as (u3 & H4 & H). apply need_ok in H4. apply andb_prop in H4. destruct H4 as [H4 H5].
  apply Nat.eqb_eq in H4, H5.
  apply bind_ok in H. destruct H as (u4 & H6 & H). apply need_ok in H6.
  set (ws := concat (m_cells m)) in *.
  destruct Fm as (Dm & Rm & Cm & Lm & Wm).
  assert (Lw : length ws = count w).
  { unfold ws. destruct (m_cells m) as [|r [|r' rs]]; simpl in Lm; try lia. cbn [concat]. rewrite app_nil_r.
    inversion Wm; subst. congruence. }
  set (total := {| m_rows := n; m_columns := n; m_cells := combination n ws (m_cells p); m_den := (m_den m * m_den p)%Z |}) in *.
  assert (Fp' := Fp). destruct Fp' as (Dp & Rp1 & Cp1 & Lp & Wp).
  assert (Ft : formed total).
  { destruct (combination_formed n n ws (m_cells p)) as [A B].
    - intros E. rewrite E in Lw. simpl in Lw. lia.
    - rewrite Lw, Lp. exact H2.
    - rewrite <- H3. exact Wp.
    - destruct Fq as (_ & Rq1 & _). repeat split; cbn [total m_den m_rows m_columns m_cells]; auto. lia. }
  assert (Pos := shown_positive_correct _ _ _ _ (formed_sub q total Fq Ft eq_refl H1) H).
  assert (Dmp : 0 < IZR (m_den m)) by (apply IZR_lt; exact Dm).
  assert (Dpp : 0 < IZR (m_den p)) by (apply IZR_lt; exact Dp).
  assert (T : gram_form n d (value total) u
              = sum (count w) (fun k => IZR (nth k ws 0%Z) / IZR (m_den m) * gram_form n d (fun i j => value p (k * n + i) j) u)).
  { unfold gram_form.
    rewrite (sum_ext (count w) _ (fun k => sum n (fun i => sum n (fun j =>
      IZR (nth k ws 0%Z) / IZR (m_den m) * (value p (k * n + i) j * sum d (fun c => u i c * u j c)))))).
    2: { intros k _. rewrite <- sum_scale. apply sum_ext. intros i _. rewrite <- sum_scale. reflexivity. }
    symmetry. rewrite (sum_swap (count w) n). apply sum_ext. intros i I. rewrite (sum_swap (count w) n).
    apply sum_ext. intros j J. symmetry.
    unfold value at 1. cbn [total m_den m_cells]. rewrite combination_cell by exact I. rewrite Lw, mult_IZR.
    unfold Rdiv. rewrite Rmult_assoc, (Rmult_comm (sum (count w) _)), <- sum_scale. apply sum_ext. intros k _.
    unfold value. field. split; lra. }
  assert (Sub : gram_form n d (value (m_sub q total)) u = gram_form n d (value q) u - gram_form n d (value total) u).
  { unfold gram_form. unfold Rminus. rewrite <- sum_opp, <- sum_add. apply sum_ext. intros i _.
    rewrite <- sum_opp, <- sum_add. apply sum_ext. intros j _. rewrite value_sub by assumption. ring. }
  assert (P1 : 0 <= gram_form n d (value (m_sub q total)) u).
  { rewrite gram_forms. apply sum_nonneg. intros c _. assert (X := Pos (fun i => u i c)).
    replace (m_rows (m_sub q total)) with n in X by (unfold m_sub, m_add; destruct (_ =? _)%Z; reflexivity). exact X. }
  assert (P2 : 0 <= gram_form n d (value total) u).
  { rewrite T. apply sum_nonneg. intros k Hk. apply Rmult_le_pos.
    - rewrite forallb_forall in H6. assert (X : (0 <= nth k ws 0)%Z) by (apply Z.leb_le, H6, nth_In; lia).
      apply IZR_le in X. apply Rmult_le_pos; [exact X | left; apply Rinv_0_lt_compat; exact Dmp].
    - assert (X := Pre k Hk).
      rewrite (gram_form_ext n d _ (fun i j => meaning s (premises w) (k * n + i) j)); [exact X|].
      intros i j I J. apply Vp; [|lia]. rewrite H2. apply Nat.lt_le_trans with (k * n + n)%nat; [lia|].
      replace (k * n + n)%nat with (S k * n)%nat by lia. apply Nat.mul_le_mono_r. lia. }
  lra.
Qed.
