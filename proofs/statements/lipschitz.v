(** *lipschitz*: how far a network whose hidden neurons have slopes within given intervals can amplify a difference.

    LipSDP (Fazlyab et al. 2019, Theorem 2) by storage functions between the layers. Spec: statements.md#lipschitz. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax semantics floats result exact.
From Certify.rules Require Import matrices.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := { layers : list matrix_words; slopes : matrix_words; limit : ratio }.

(** ** What it says *)

Open Scope R_scope.

(** Entry i of W x. *)
Definition image (s : store) (w : matrix_words) (x : nat -> R) (i : nat) : R :=
  sum (mw_columns w) (fun j => meaning s w i j * x j).

(** W_K phi(.. phi(W_1 x + b_1) ..) + b_K. Neurons are numbered through all layers: neuron [first + i] is the i-th of the
    layer that begins with [first], and has a bias and a function of its own; outputs have biases too. *)
Fixpoint network (s : store) (bias : nat -> R) (phi : nat -> R -> R) (first : nat) (ws : list matrix_words)
    (x : nat -> R) : nat -> R :=
  match ws with
  | [] => x
  | [w] => fun i => image s w x i + bias (first + i)%nat
  | w :: rest =>
      network s bias phi (first + mw_rows w) rest (fun i => phi (first + i)%nat (image s w x i + bias (first + i)%nat))
  end.

(** The function of neuron i has slopes between entries (i, 0) and (i, 1), for each of [n] neurons. *)
Definition sloped (s : store) (m : matrix_words) (n : nat) (phi : nat -> R -> R) : Prop :=
  forall i a b, (i < n)%nat ->
  0 <= (phi i a - phi i b - meaning s m i 0 * (a - b)) * (meaning s m i 1 * (a - b) - (phi i a - phi i b)).

(** |x - y|^2 for n entries. *)
Definition distance (n : nat) (x y : nat -> R) : R := sum n (fun i => (x i - y i) * (x i - y i)).

Definition inputs (ws : list matrix_words) : nat := match ws with [] => 0%nat | w :: _ => mw_columns w end.
Definition outputs (ws : list matrix_words) : nat := fold_left (fun _ w => mw_rows w) ws 0%nat.

Definition holds (s : store) (w : words) : Prop :=
  forall (bias : nat -> R) (phi : nat -> R -> R), sloped s (slopes w) (mw_rows (slopes w)) phi ->
  forall x y : nat -> R,
  let f := network s bias phi 0 (layers w) in
  distance (outputs (layers w)) (f x) (f y) <= ratio_value (limit w) * ratio_value (limit w) * distance (inputs (layers w)) x y.

(** ** The check *)

Open Scope Z_scope.

(** Entry (i, j) times k_j / den. *)
Definition by_columns (k : list Z) (den : Z) (m : matrix) : matrix :=
  {| m_rows := m_rows m; m_columns := m_columns m; m_cells := map (fun r => map2 Z.mul r k) (m_cells m);
     m_den := m_den m * den |}.

(** W_(k+1) W_k are products. *)
Fixpoint chained (ws : list matrix) : bool :=
  match ws with
  | w :: (v :: _) as rest => (m_columns v =? m_rows w)%nat && chained rest
  | _ => true
  end.

(** Hidden neurons: rows of all layers but the last. *)
Fixpoint hidden (ws : list matrix) : nat :=
  match ws with w :: (_ :: _) as rest => m_rows w + hidden rest | _ => O end.

(** Numbers for the neurons from some layer on: t / dt, alpha / ds and beta / ds. *)
Record numbers := { n_t : list Z; n_dt : Z; n_alpha : list Z; n_beta : list Z; n_ds : Z }.

Definition skip (n : nat) (p : numbers) : numbers :=
  {| n_t := skipn n (n_t p); n_dt := n_dt p; n_alpha := skipn n (n_alpha p); n_beta := skipn n (n_beta p); n_ds := n_ds p |}.

(** The matrix of one step over a layer W of n rows, with the storage before it (none: L^2 I, num / den = L^2) and after. *)
Definition step_form (num den : Z) (before : option matrix) (w after : matrix) (p : numbers) : matrix :=
  let n := m_rows w in
  let t := firstn n (n_t p) in
  let alpha := firstn n (n_alpha p) in
  let beta := firstn n (n_beta p) in
  let product := map2 Z.mul (map2 Z.mul t alpha) (map (Z.mul 2) beta) in
  let slope := map2 Z.mul t (addl alpha beta) in
  let rest := m_sub (m_times 2 1 (by_columns t (n_dt p) (m_identity n))) after in
  let sloped := by_columns slope (n_dt p * n_ds p) in
  let turned := m_transpose w in
  if match before with None => forallb (Z.eqb 0) product | Some _ => false end then
    m_sub (m_times num den rest) (sloped (m_transpose (sloped (m_mul w turned))))
  else
    let start := match before with Some x => x | None => m_times num den (m_identity (m_columns w)) end in
    let upper := m_add start (m_mul (by_columns product (n_dt p * (n_ds p * n_ds p)) turned) w) in
    let side := m_opp (sloped turned) in
    m_above (m_beside upper side) (m_beside (m_transpose side) rest).

(** Storages from matrix [k] of the evidence on, hints from [h] on. *)
Fixpoint steps (s : store) (e : evidence) (num den : Z) (before : option matrix) (k h : nat) (ws : list matrix)
    (p : numbers) : result unit :=
  match ws with
  | w :: (v :: more) as rest =>
      after <- match more with [] => Ok (m_mul (m_transpose v) v) | _ => hint s e k end ;;
      _ <- need "shape" ((m_rows after =? m_rows w) && (m_columns after =? m_rows w))%nat ;;
      _ <- shown_positive s e (step_form num den before w after p) h ;;
      steps s e num den (Some after) (S k) (S (S h)) rest (skip (m_rows w) p)
  | _ => Ok tt
  end.

(** Slopes (H, 2) as two lists. *)
Definition gain (s : store) (e : evidence) (ws : list matrix) (slopes : matrix) (limit : ratio) : result unit :=
  let '(num, den) := limit in
  _ <- need "shape" ((2 <=? length ws)%nat && chained ws) ;;
  _ <- need "denominator" (0 <? den) ;;
  _ <- need "limit-not-positive" (0 <? num) ;;
  _ <- need "shape" ((m_rows slopes =? hidden ws) && (m_columns slopes =? 2))%nat ;;
  t <- hint s e 0 ;;
  _ <- need "shape" ((m_rows t =? 1) && (m_columns t =? hidden ws))%nat ;;
  let weights := concat (m_cells t) in
  _ <- need "negative-multiplier" (forallb (Z.leb 0) weights) ;;
  let p := {| n_t := weights; n_dt := m_den t; n_alpha := map (fun r => nth 0 r 0) (m_cells slopes);
              n_beta := map (fun r => nth 1 r 0) (m_cells slopes); n_ds := m_den slopes |} in
  steps s e (num * num) (den * den) None 1 (length ws - 1) ws p.

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  ws <- read_matrices s (layers w) ;;
  m <- read_matrix s (slopes w) ;;
  gain s e ws m (limit w).

(** ** Sums and forms *)

Open Scope R_scope.

Lemma sum_scale_r n k f : sum n (fun i => f i * k) = sum n f * k.
Proof. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros. ring. Qed.

Lemma sum_sub n f g : sum n (fun i => f i - g i) = sum n f - sum n g.
Proof. induction n as [|n IH]; simpl; [lra|]. rewrite IH. lra. Qed.

Lemma sum_product n m f g : sum n (fun i => sum m (fun j => f i * g j)) = sum n f * sum m g.
Proof. rewrite <- sum_scale_r. apply sum_ext. intros. apply sum_scale. Qed.

Lemma form_ext n v w x : (forall i j, (i < n)%nat -> (j < n)%nat -> v i j = w i j) -> form n v x = form n w x.
Proof. intros H. apply sum_ext. intros i Hi. apply sum_ext. intros j Hj. rewrite H; auto. Qed.

Lemma form_sub n v w x : form n (fun i j => v i j - w i j) x = form n v x - form n w x.
Proof.
  unfold form. rewrite <- sum_sub. apply sum_ext. intros. rewrite <- sum_sub. apply sum_ext. intros. ring.
Qed.

Lemma form_add n v w x : form n (fun i j => v i j + w i j) x = form n v x + form n w x.
Proof.
  unfold form. rewrite <- sum_add. apply sum_ext. intros. rewrite <- sum_add. apply sum_ext. intros. ring.
Qed.

Lemma form_scale n k v x : form n (fun i j => k * v i j) x = k * form n v x.
Proof.
  unfold form. rewrite <- sum_scale. apply sum_ext. intros. rewrite <- sum_scale. apply sum_ext. intros. ring.
Qed.

(** x' V y *)
Definition bilinear_form (n m : nat) (v : nat -> nat -> R) (x y : nat -> R) : R :=
  sum n (fun i => sum m (fun j => v i j * x i * y j)).

(** x' diag(d) x *)
Lemma form_diagonal n d x : form n (fun i j => if Nat.eqb i j then d j else 0) x = sum n (fun i => d i * (x i * x i)).
Proof.
  unfold form. apply sum_ext. intros i Hi.
  rewrite <- (sum_delta n i (fun j => d j * (x i * x j))) by exact Hi.
  apply sum_ext. intros j _. destruct (Nat.eqb i j); ring.
Qed.

(** x' W' diag(d) W x *)
Lemma form_gram m n (w : nat -> nat -> R) d x :
  form m (fun i j => sum n (fun k => w k i * d k * w k j)) x
  = sum n (fun k => d k * (sum m (fun j => w k j * x j) * sum m (fun j => w k j * x j))).
Proof.
  unfold form.
  transitivity (sum m (fun i => sum m (fun j => sum n (fun k => w k i * d k * w k j * x i * x j)))).
  { apply sum_ext; intros i _; apply sum_ext; intros j _. rewrite <- !sum_scale_r. apply sum_ext. intros; ring. }
  transitivity (sum m (fun i => sum n (fun k => sum m (fun j => w k i * d k * w k j * x i * x j)))).
  { apply sum_ext; intros i _. apply sum_swap. }
  rewrite sum_swap. apply sum_ext. intros k _. rewrite <- sum_product, <- sum_scale.
  apply sum_ext. intros i _. rewrite <- sum_scale. apply sum_ext. intros; ring.
Qed.

(** The vector (u, h). *)
Definition both (m : nat) (u h : nat -> R) (i : nat) : R := if Nat.ltb i m then u i else h (i - m)%nat.

Lemma both_left m u h i : (i < m)%nat -> both m u h i = u i.
Proof. intros H. unfold both. apply Nat.ltb_lt in H. rewrite H. reflexivity. Qed.

Lemma both_right m u h i : both m u h (m + i)%nat = h i.
Proof.
  unfold both. replace (Nat.ltb (m + i) m) with false by (symmetry; apply Nat.ltb_ge; lia). f_equal. lia.
Qed.

Lemma form_blocks m n f a b c u h :
  (forall i j, (i < m)%nat -> (j < m)%nat -> f i j = a i j) ->
  (forall i j, (i < m)%nat -> (j < n)%nat -> f i (m + j)%nat = b i j) ->
  (forall i j, (i < n)%nat -> (j < m)%nat -> f (m + i)%nat j = b j i) ->
  (forall i j, (i < n)%nat -> (j < n)%nat -> f (m + i)%nat (m + j)%nat = c i j) ->
  form (m + n) f (both m u h) = form m a u + 2 * bilinear_form m n b u h + form n c h.
Proof.
  intros Ha Hb Hb' Hc. unfold form at 1. rewrite sum_split.
  transitivity ((form m a u + bilinear_form m n b u h) + (bilinear_form m n b u h + form n c h)); [|ring].
  apply (f_equal2 Rplus).
  - unfold form, bilinear_form. rewrite <- sum_add. apply sum_ext. intros i Hi. rewrite sum_split. apply (f_equal2 Rplus).
    + apply sum_ext. intros j Hj. rewrite Ha, !both_left; auto.
    + apply sum_ext. intros j Hj. rewrite Hb, both_left, both_right; auto.
  - assert (E : bilinear_form m n b u h = sum n (fun j => sum m (fun i => b i j * u i * h j))) by apply sum_swap.
    rewrite E. unfold form. rewrite <- sum_add. apply sum_ext. intros i Hi.
    rewrite sum_split. apply (f_equal2 Rplus).
    + apply sum_ext. intros j Hj. rewrite Hb', both_right, (both_left m u h j); auto. ring.
    + apply sum_ext. intros j Hj. rewrite Hc, !both_right; auto.
Qed.

(** ** Matrices of the check *)

Lemma nth_map2 : forall a b j, nth j (map2 Z.mul a b) 0%Z = (nth j a 0 * nth j b 0)%Z.
Proof.
  induction a as [|x a IH]; intros b j; [destruct j; simpl; lia|].
  destruct b as [|y b]; [simpl; destruct j; [lia | destruct (nth j a 0%Z); lia]|].
  destruct j; simpl; [reflexivity | apply IH].
Qed.

Lemma length_map2 {A B C} (f : A -> B -> C) : forall a b, length (map2 f a b) = Nat.min (length a) (length b).
Proof. induction a as [|x a IH]; intros [|y b]; simpl; auto. Qed.

Lemma length_addl : forall a b, length a = length b -> length (addl a b) = length a.
Proof. induction a as [|x a IH]; intros [|y b] H; simpl in *; try lia. rewrite IH; lia. Qed.

Lemma cell_by_columns k den m i j : cell (m_cells (by_columns k den m)) i j = (cell (m_cells m) i j * nth j k 0)%Z.
Proof.
  unfold cell, by_columns; simpl.
  replace (@nil Z) with (map2 Z.mul [] k) at 1 by reflexivity.
  rewrite (map_nth (fun r => map2 Z.mul r k)). apply nth_map2.
Qed.

Lemma value_by_columns k den m i j : (0 < m_den m)%Z -> (0 < den)%Z ->
  value (by_columns k den m) i j = value m i j * (IZR (nth j k 0%Z) / IZR den).
Proof.
  intros P Q. unfold value. rewrite cell_by_columns. simpl. rewrite !mult_IZR.
  apply IZR_lt in P. apply IZR_lt in Q. field. lra.
Qed.

Lemma formed_by_columns k den m : formed m -> (0 < den)%Z -> length k = m_columns m -> formed (by_columns k den m).
Proof.
  intros (P & R & C & L & F) Q K. unfold formed, by_columns; simpl. repeat split; auto; try nia.
  - rewrite map_length. exact L.
  - rewrite Forall_forall in *. intros r H. apply in_map_iff in H. destruct H as (r' & <- & H).
    rewrite length_map2, K, (F _ H). apply Nat.min_id.
Qed.
(** What the numbers of neuron i are. *)
Definition t_of (p : numbers) (i : nat) : R := IZR (nth i (n_t p) 0%Z) / IZR (n_dt p).
Definition alpha_of (p : numbers) (i : nat) : R := IZR (nth i (n_alpha p) 0%Z) / IZR (n_ds p).
Definition beta_of (p : numbers) (i : nat) : R := IZR (nth i (n_beta p) 0%Z) / IZR (n_ds p).

Definition enough (n : nat) (p : numbers) : Prop :=
  (n <= length (n_t p))%nat /\ (n <= length (n_alpha p))%nat /\ (n <= length (n_beta p))%nat /\
  (0 < n_dt p)%Z /\ (0 < n_ds p)%Z.

Lemma nth_firstn {A} (d : A) n : forall l i, (i < n)%nat -> nth i (firstn n l) d = nth i l d.
Proof. induction n as [|n IH]; intros [|x l] [|i] H; simpl; try lia; auto. apply IH. lia. Qed.

Lemma nth_addl_int i a b : nth i (addl a b) 0%Z = (nth i a 0 + nth i b 0)%Z.
Proof. apply nth_addl. Qed.

(** The storage before a step, as a function of the increment. *)
Definition storage (num den : Z) (before : option matrix) (m : nat) (u : nat -> R) : R :=
  match before with
  | None => IZR num / IZR den * sum m (fun j => u j * u j)
  | Some x => form m (value x) u
  end.

Definition fits (m : nat) (before : option matrix) : Prop :=
  match before with None => True | Some x => formed x /\ m_rows x = m /\ m_columns x = m end.

Section Step.
Variables (num den : Z) (before : option matrix) (w after : matrix) (p : numbers).
Let n := m_rows w.
Let m := m_columns w.
Hypothesis Pnum : (0 < num)%Z.
Hypothesis Pden : (0 < den)%Z.
Hypothesis Fw : formed w.
Hypothesis Fa : formed after.
Hypothesis Ra : m_rows after = n.
Hypothesis Ca : m_columns after = n.
Hypothesis Fb : fits m before.
Hypothesis E : enough n p.

Let t := firstn n (n_t p).
Let alpha := firstn n (n_alpha p).
Let beta := firstn n (n_beta p).
Let product := map2 Z.mul (map2 Z.mul t alpha) (map (Z.mul 2) beta).
Let slope := map2 Z.mul t (addl alpha beta).
Let rest := m_sub (m_times 2 1 (by_columns t (n_dt p) (m_identity n))) after.
Let sloped_by := by_columns slope (n_dt p * n_ds p).
Let turned := m_transpose w.
Let d i := 2 * t_of p i * alpha_of p i * beta_of p i.
Let s i := t_of p i * (alpha_of p i + beta_of p i).

Local Lemma n_pos : (1 <= n)%nat. Proof. destruct Fw as (_ & R & _). exact R. Qed.
Local Lemma m_pos : (1 <= m)%nat. Proof. destruct Fw as (_ & _ & C & _). exact C. Qed.
Local Lemma dt_pos : (0 < n_dt p)%Z. Proof. destruct E as (_ & _ & _ & D & _). exact D. Qed.
Local Lemma ds_pos : (0 < n_ds p)%Z. Proof. destruct E as (_ & _ & _ & _ & D). exact D. Qed.
Local Lemma length_t : length t = n. Proof. destruct E as (L & _). apply firstn_length_le, L. Qed.
Local Lemma length_alpha : length alpha = n. Proof. destruct E as (_ & L & _). apply firstn_length_le, L. Qed.
Local Lemma length_beta : length beta = n. Proof. destruct E as (_ & _ & L & _). apply firstn_length_le, L. Qed.
Local Lemma length_product : length product = n.
Proof.
  unfold product. rewrite !length_map2, map_length, length_t, length_alpha, length_beta, !Nat.min_id. reflexivity.
Qed.
Local Lemma length_slope : length slope = n.
Proof.
  unfold slope. rewrite length_map2, length_addl, length_t, length_alpha by (rewrite length_alpha, length_beta; auto).
  apply Nat.min_id.
Qed.

Local Lemma real_slope i : (i < n)%nat -> IZR (nth i slope 0%Z) / IZR (n_dt p * n_ds p) = s i.
Proof.
  intros H. unfold slope, s, t_of, alpha_of, beta_of, t, alpha, beta.
  rewrite nth_map2, nth_addl_int, !nth_firstn, !mult_IZR, plus_IZR by exact H.
  pose proof (IZR_lt _ _ dt_pos). pose proof (IZR_lt _ _ ds_pos). field. lra.
Qed.

Local Lemma real_product i : (i < n)%nat -> IZR (nth i product 0%Z) / IZR (n_dt p * (n_ds p * n_ds p)) = d i.
Proof.
  intros H. unfold product, d, t_of, alpha_of, beta_of, t, alpha, beta.
  rewrite !nth_map2. replace 0%Z with (2 * 0)%Z at 3 by reflexivity. rewrite (map_nth (Z.mul 2)).
  rewrite !nth_firstn, !mult_IZR by exact H.
  pose proof (IZR_lt _ _ dt_pos). pose proof (IZR_lt _ _ ds_pos). field. lra.
Qed.

Local Lemma formed_rest : formed rest /\ m_rows rest = n /\ m_columns rest = n.
Proof.
  assert (F : formed (m_times 2 1 (by_columns t (n_dt p) (m_identity n)))).
  { apply formed_times; [|lia]. apply formed_by_columns; [apply formed_identity, n_pos | exact dt_pos | exact length_t]. }
  unfold rest, m_sub, m_add. split; [apply formed_sub; [exact F | exact Fa | |]; simpl; auto|].
  destruct (_ =? _)%Z; split; reflexivity.
Qed.

Local Lemma value_rest i j : (i < n)%nat ->
  value rest i j = (if Nat.eqb i j then 2 * t_of p j else 0) - value after i j.
Proof.
  intros H. assert (F : formed (by_columns t (n_dt p) (m_identity n))).
  { apply formed_by_columns; [apply formed_identity, n_pos | exact dt_pos | exact length_t]. }
  unfold rest. rewrite value_sub; [|apply formed_times; [exact F | lia] | exact Fa].
  rewrite value_times; [|exact F | lia]. rewrite value_by_columns; [|simpl; lia | exact dt_pos].
  rewrite value_identity by exact H. destruct (Nat.eqb i j) eqn:Q; [|lra].
  apply Nat.eqb_eq in Q. subst j. unfold t_of, t. rewrite nth_firstn by exact H. lra.
Qed.

Local Lemma form_rest h : form n (value rest) h = 2 * sum n (fun i => t_of p i * (h i * h i)) - form n (value after) h.
Proof.
  rewrite (form_ext n _ (fun i j => (if Nat.eqb i j then 2 * t_of p j else 0) - value after i j))
    by (intros; apply value_rest; assumption).
  rewrite form_sub, (form_diagonal n (fun j => 2 * t_of p j)), <- sum_scale. f_equal. apply sum_ext. intros; ring.
Qed.

Local Lemma formed_turned : formed turned /\ m_rows turned = m /\ m_columns turned = n.
Proof. split; [apply formed_transpose; exact Fw | split; reflexivity]. Qed.

Let z (u : nat -> R) (i : nat) : R := sum m (fun j => value w i j * u j).

Local Lemma spread u h :
  sum n (fun i => d i * (z u i * z u i)) - 2 * sum n (fun i => s i * (z u i * h i)) + 2 * sum n (fun i => t_of p i * (h i * h i))
  = - (2 * sum n (fun i => t_of p i * ((h i - alpha_of p i * z u i) * (beta_of p i * z u i - h i)))).
Proof.
  rewrite <- !sum_scale, <- sum_sub, <- sum_add, <- sum_opp. apply sum_ext. intros i _. unfold d, s. ring.
Qed.

(** The input eliminated. *)
Local Lemma eliminated :
  before = None -> forallb (Z.eqb 0) product = true ->
  let f := m_sub (m_times num den rest) (sloped_by (m_transpose (sloped_by (m_mul w turned)))) in
  formed f /\ m_rows f = n /\
  ((forall x, 0 <= form n (value f) x) ->
   forall u h, form n (value after) h <=
     storage num den before m u - 2 * sum n (fun i => t_of p i * ((h i - alpha_of p i * z u i) * (beta_of p i * z u i - h i)))).
Proof.
  intros B Z0 f. destruct formed_rest as (Fr & Rr & Cr). destruct formed_turned as (Ft & Rt & Ct).
  assert (D0 : (0 < n_dt p * n_ds p)%Z) by (pose proof dt_pos; pose proof ds_pos; nia).
  assert (Fg : formed (m_mul w turned)) by (apply formed_mul; assumption).
  assert (F1 : formed (sloped_by (m_mul w turned))).
  { apply formed_by_columns; [exact Fg | exact D0 | rewrite length_slope; reflexivity]. }
  assert (F2 : formed (sloped_by (m_transpose (sloped_by (m_mul w turned))))).
  { apply formed_by_columns; [apply formed_transpose; exact F1 | exact D0 | rewrite length_slope; reflexivity]. }
  assert (F3 : formed (m_times num den rest)) by (apply formed_times; assumption).
  assert (V : forall i j, (i < n)%nat -> (j < n)%nat ->
    value f i j = IZR num / IZR den * value rest i j - sum m (fun k => s i * value w i k * 1 * (s j * value w j k))).
  { intros i j Hi Hj. unfold f. rewrite value_sub, value_times by assumption. f_equal. unfold sloped_by.
    rewrite value_by_columns; [|apply (formed_transpose _ F1) | exact D0].
    rewrite value_transpose, value_by_columns; [|apply Fg | exact D0].
    rewrite !real_slope by assumption. rewrite value_mul; [|assumption | assumption | reflexivity].
    rewrite <- !sum_scale_r. apply sum_ext. intros k _. unfold turned. rewrite value_transpose. ring. }
  split; [|split].
  - apply formed_sub; auto.
  - unfold f, m_sub, m_add. destruct (_ =? _)%Z; exact Rr.
  - intros P u h. specialize (P h). rewrite (form_ext n _ _ h V), form_sub, form_scale, form_rest in P.
    set (c k := sum n (fun i => s i * value w i k * h i)).
    assert (G : form n (fun i j => sum m (fun k => s i * value w i k * 1 * (s j * value w j k))) h
                = sum m (fun k => c k * c k)).
    { rewrite (form_gram n m (fun k i => s i * value w i k) (fun _ => 1)). apply sum_ext. intros k _. unfold c. ring. }
    rewrite G in P. rewrite B. unfold storage. set (q := IZR num / IZR den) in *.
    assert (Q : 0 < q) by (apply Rdiv_lt_0_compat; apply IZR_lt; assumption).
    assert (SQ : 0 <= sum m (fun k => (q * u k - c k) * (q * u k - c k))) by (apply sum_nonneg; intros; apply Rle_0_sqr).
    assert (C : sum m (fun k => u k * c k) = sum n (fun i => s i * (z u i * h i))).
    { unfold c, z. transitivity (sum m (fun k => sum n (fun i => s i * value w i k * h i * u k))).
      - apply sum_ext; intros k _. rewrite <- sum_scale. apply sum_ext; intros; ring.
      - rewrite sum_swap. apply sum_ext. intros i _.
        transitivity (s i * h i * sum m (fun k => value w i k * u k)); [|ring].
        rewrite <- sum_scale. apply sum_ext; intros; ring. }
    assert (X : sum m (fun k => (q * u k - c k) * (q * u k - c k))
                = q * q * sum m (fun k => u k * u k) - 2 * q * sum m (fun k => u k * c k) + sum m (fun k => c k * c k)).
    { rewrite <- !sum_scale, <- sum_sub, <- sum_add. apply sum_ext; intros; ring. }
    rewrite X, C in SQ.
    assert (Dz : sum n (fun i => d i * (z u i * z u i)) = 0).
    { rewrite <- (sum_zero n). apply sum_ext. intros i Hi.
      rewrite <- (real_product i Hi). rewrite forallb_forall in Z0.
      replace (nth i product 0%Z) with 0%Z; [unfold Rdiv; ring|].
      apply Z.eqb_eq, Z0, nth_In. rewrite length_product. exact Hi. }
    pose proof (spread u h) as S. rewrite Dz in S.
    set (U := sum m (fun k => u k * u k)) in *. set (A := form n (value after) h) in *.
    set (K := sum n (fun i => s i * (z u i * h i))) in *.
    set (T := sum n (fun i => t_of p i * (h i * h i))) in *.
    assert (N : q * 0 <= q * (q * U - 2 * K + 2 * T - A)).
    { replace (q * (q * U - 2 * K + 2 * T - A)) with (q * q * U - 2 * q * K + q * (2 * T - A)) by ring. lra. }
    apply Rmult_le_reg_l in N; [lra | exact Q].
Qed.

(** The step in full. *)
Local Lemma in_full :
  let start := match before with Some x => x | None => m_times num den (m_identity m) end in
  let upper := m_add start (m_mul (by_columns product (n_dt p * (n_ds p * n_ds p)) turned) w) in
  let side := m_opp (sloped_by turned) in
  let f := m_above (m_beside upper side) (m_beside (m_transpose side) rest) in
  formed f /\ m_rows f = (m + n)%nat /\
  ((forall x, 0 <= form (m + n) (value f) x) ->
   forall u h, form n (value after) h <=
     storage num den before m u - 2 * sum n (fun i => t_of p i * ((h i - alpha_of p i * z u i) * (beta_of p i * z u i - h i)))).
Proof.
  intros start upper side f. destruct formed_rest as (Fr & Rr & Cr). destruct formed_turned as (Ft & Rt & Ct).
  assert (D0 : (0 < n_dt p * n_ds p)%Z) by (pose proof dt_pos; pose proof ds_pos; nia).
  assert (D1 : (0 < n_dt p * (n_ds p * n_ds p))%Z) by (pose proof dt_pos; pose proof ds_pos; nia).
  assert (Fp : formed (by_columns product (n_dt p * (n_ds p * n_ds p)) turned)).
  { apply formed_by_columns; [exact Ft | exact D1 | rewrite length_product; reflexivity]. }
  assert (Fm : formed (m_mul (by_columns product (n_dt p * (n_ds p * n_ds p)) turned) w)) by (apply formed_mul; assumption).
  assert (Fs : formed start /\ m_rows start = m /\ m_columns start = m).
  { unfold start. destruct before as [x|]; [exact Fb|]. split; [|split; reflexivity].
    apply formed_times; [apply formed_identity, m_pos | exact Pden]. }
  destruct Fs as (Fs & Rs & Cs).
  assert (Fu : formed upper) by (apply formed_add; auto).
  assert (Ru : m_rows upper = m /\ m_columns upper = m).
  { unfold upper, m_add. destruct (_ =? _)%Z; split; assumption. }
  destruct Ru as (Ru & Cu).
  assert (Fl : formed (sloped_by turned)).
  { apply formed_by_columns; [exact Ft | exact D0 | rewrite length_slope; reflexivity]. }
  assert (Fd : formed side) by (apply formed_opp; exact Fl).
  assert (Fd' : formed (m_transpose side)) by (apply formed_transpose; exact Fd).
  assert (Rd : m_rows side = m) by reflexivity. assert (Cd : m_columns side = n) by reflexivity.
  assert (Ftop : formed (m_beside upper side)) by (apply formed_beside; auto).
  assert (Fbot : formed (m_beside (m_transpose side) rest)) by (apply formed_beside; auto).
  assert (beside_rows : forall a b, formed a -> formed b -> m_rows (m_beside a b) = m_rows a).
  { intros a b _ _. unfold m_beside, m_above, m_transpose. simpl. destruct (_ =? _)%Z; reflexivity. }
  assert (beside_columns : forall a b, m_columns (m_beside a b) = (m_columns a + m_columns b)%nat).
  { intros a b. unfold m_beside, m_above, m_transpose. simpl. destruct (_ =? _)%Z; reflexivity. }
  assert (Ctop : m_columns (m_beside upper side) = m_columns (m_beside (m_transpose side) rest)).
  { rewrite !beside_columns. simpl. rewrite Cu, Cr. reflexivity. }
  assert (Rtop : m_rows (m_beside upper side) = m) by (rewrite beside_rows; auto).
  assert (Ff : formed f) by (apply formed_above; auto).
  assert (Rf : m_rows f = (m + n)%nat).
  { unfold f, m_above. destruct (_ =? _)%Z; cbn [m_rows]; rewrite Rtop, beside_rows by assumption; reflexivity. }
  split; [exact Ff | split; [exact Rf|]]. intros P u h. specialize (P (both m u h)).
  assert (Vside : forall i j, (j < n)%nat -> value side i j = - (value w j i * s j)).
  { intros i j Hj. unfold side. rewrite value_opp. unfold sloped_by.
    rewrite value_by_columns; [|apply Ft | exact D0]. rewrite real_slope by exact Hj. unfold turned.
    rewrite value_transpose. reflexivity. }
  rewrite (form_blocks m n _ (value upper) (fun i j => - (value w j i * s j)) (value rest)) in P.
  - rewrite form_rest in P.
    assert (U : form m (value upper) u = storage num den before m u + sum n (fun i => d i * (z u i * z u i))).
    { rewrite (form_ext m _ (fun i j => value start i j + sum n (fun k => value w k i * d k * value w k j))).
      - rewrite form_add, form_gram. apply (f_equal2 Rplus); [|reflexivity].
        unfold storage, start. destruct before as [x|]; [reflexivity|].
        rewrite (form_ext m _ (fun i j => IZR num / IZR den * (if Nat.eqb i j then (fun _ => 1) j else 0))).
        + rewrite form_scale, form_diagonal. f_equal. apply sum_ext; intros; ring.
        + intros i j Hi _. rewrite value_times; [|apply formed_identity, m_pos | exact Pden].
          rewrite value_identity by exact Hi. reflexivity.
      - intros i j _ _. unfold upper. rewrite value_add by assumption. f_equal.
        rewrite value_mul; [|assumption | assumption | reflexivity]. simpl. fold n. apply sum_ext. intros k Hk.
        rewrite value_by_columns; [|apply Ft | exact D1]. rewrite real_product by exact Hk. unfold turned.
        rewrite value_transpose. reflexivity. }
    assert (B : bilinear_form m n (fun i j => - (value w j i * s j)) u h = - sum n (fun i => s i * (z u i * h i))).
    { unfold bilinear_form. rewrite sum_swap, <- sum_opp. apply sum_ext. intros j _. unfold z.
      transitivity (- (s j * h j * sum m (fun i => value w j i * u i))); [|ring].
      rewrite <- sum_scale, <- sum_opp. apply sum_ext; intros; ring. }
    rewrite U, B in P. pose proof (spread u h). lra.
  - intros i j Hi Hj. unfold f. rewrite value_above by auto. rewrite Rtop.
    apply Nat.ltb_lt in Hi. rewrite Hi, value_beside by auto. rewrite Cu. apply Nat.ltb_lt in Hj. rewrite Hj. reflexivity.
  - intros i j Hi Hj. unfold f. rewrite value_above by auto. rewrite Rtop.
    apply Nat.ltb_lt in Hi. rewrite Hi, value_beside by auto. rewrite Cu.
    replace (Nat.ltb (m + j) m) with false by (symmetry; apply Nat.ltb_ge; lia).
    replace (m + j - m)%nat with j by lia. apply Vside. exact Hj.
  - intros i j Hi Hj. unfold f. rewrite value_above by auto. rewrite Rtop.
    replace (Nat.ltb (m + i) m) with false by (symmetry; apply Nat.ltb_ge; lia).
    replace (m + i - m)%nat with i by lia. rewrite value_beside by auto.
    replace (m_columns (m_transpose side)) with m by reflexivity. apply Nat.ltb_lt in Hj. rewrite Hj, value_transpose.
    apply Vside. exact Hi.
  - intros i j Hi Hj. unfold f. rewrite value_above by auto. rewrite Rtop.
    replace (Nat.ltb (m + i) m) with false by (symmetry; apply Nat.ltb_ge; lia).
    replace (m + i - m)%nat with i by lia. rewrite value_beside by auto.
    replace (m_columns (m_transpose side)) with m by reflexivity.
    replace (Nat.ltb (m + j) m) with false by (symmetry; apply Nat.ltb_ge; lia).
    replace (m + j - m)%nat with j by lia. reflexivity.
Qed.

Lemma step_correct : let f := step_form num den before w after p in
  formed f /\
  ((forall x, 0 <= form (m_rows f) (value f) x) ->
   forall u h, form n (value after) h <=
     storage num den before m u - 2 * sum n (fun i => t_of p i * ((h i - alpha_of p i * z u i) * (beta_of p i * z u i - h i)))).
Proof.
  intros f. unfold f, step_form. fold n m t alpha beta product slope rest turned.
  change (by_columns slope (n_dt p * n_ds p)) with sloped_by.
  destruct (match before with None => forallb (Z.eqb 0) product | Some _ => false end) eqn:C.
  - assert (B : before = None) by (destruct before; [discriminate | reflexivity]).
    rewrite B in C. destruct (eliminated B C) as (F & R & S). split; [exact F|]. rewrite R. exact S.
  - destruct in_full as (F & R & S). split; [exact F|]. cbv zeta in R. rewrite R. exact S.
Qed.

End Step.

(** ** All steps *)

(** Increments that layers can have: u before the first, o after the last; a and b are the slopes of neurons. *)
Definition grown (w : matrix) (u : nat -> R) (i : nat) : R := sum (m_columns w) (fun j => value w i j * u j).

Definition between (a b z h : R) : Prop := 0 <= (h - a * z) * (b * z - h).

Fixpoint reaches (a b : nat -> R) (first : nat) (ws : list matrix) (u o : nat -> R) : Prop :=
  match ws with
  | [] => False
  | [w] => forall i, (i < m_rows w)%nat -> o i = grown w u i
  | w :: rest =>
      exists h, (forall i, (i < m_rows w)%nat -> between (a (first + i)%nat) (b (first + i)%nat) (grown w u i) (h i)) /\
                reaches a b (first + m_rows w) rest h o
  end.

Definition ends (ws : list matrix) : nat := fold_left (fun _ w => m_rows w) ws 0%nat.
Definition begins (ws : list matrix) : nat := match ws with [] => 0%nat | w :: _ => m_columns w end.

Definition squares (n : nat) (u : nat -> R) : R := sum n (fun i => u i * u i).

Lemma nth_skipped {A} (d : A) n : forall l i, nth i (skipn n l) d = nth (n + i) l d.
Proof. induction n as [|n IH]; intros [|x l] i; simpl; auto. destruct i; reflexivity. Qed.

Lemma enough_skip n k p : enough (n + k) p -> enough k (skip n p).
Proof. intros (A & B & C & D & D'). unfold enough, skip; simpl. rewrite !skipn_length. repeat split; auto; lia. Qed.

Lemma enough_less n k p : enough (n + k) p -> enough n p.
Proof. intros (A & B & C & D & D'). repeat split; auto; lia. Qed.

Lemma hidden_first w v l i : (i < m_rows w)%nat -> (i < hidden (w :: v :: l))%nat.
Proof. cbn [hidden]. lia. Qed.

Lemma hint_formed s e k m : hint s e k = Ok m -> formed m.
Proof. unfold hint. intros H. ok H. apply read_matrix_correct in H. apply H. Qed.

Lemma form_of_product v h : formed v ->
  form (m_columns v) (value (m_mul (m_transpose v) v)) h = squares (m_rows v) (grown v h).
Proof.
  intros F. rewrite (form_ext _ _ (fun i j => sum (m_rows v) (fun k => value v k i * (fun _ => 1) k * value v k j))).
  - rewrite form_gram. unfold squares, grown. apply sum_ext. intros; ring.
  - intros i j _ _. rewrite value_mul; [|apply formed_transpose; exact F | exact F | reflexivity].
    apply sum_ext. intros k _. rewrite value_transpose. ring.
Qed.

Lemma steps_cons s e num den before k h w v more p :
  steps s e num den before k h (w :: v :: more) p =
  (after <- match more with [] => Ok (m_mul (m_transpose v) v) | _ => hint s e k end ;;
   _ <- need "shape" ((m_rows after =? m_rows w) && (m_columns after =? m_rows w))%nat ;;
   _ <- shown_positive s e (step_form num den before w after p) h ;;
   steps s e num den (Some after) (S k) (S (S h)) (v :: more) (skip (m_rows w) p)).
Proof. reflexivity. Qed.

Lemma steps_correct s e num den a b : (0 < num)%Z -> (0 < den)%Z ->
  forall more w v before k h first p,
  let ws := w :: v :: more in
  steps s e num den before k h ws p = Ok tt ->
  Forall formed ws -> chained ws = true -> fits (m_columns w) before -> enough (hidden ws) p ->
  (forall i, (i < hidden ws)%nat -> 0 <= t_of p i /\ alpha_of p i = a (first + i)%nat /\ beta_of p i = b (first + i)%nat) ->
  forall u o, reaches a b first ws u o -> squares (ends ws) o <= storage num den before (m_columns w) u.
Proof.
  intros Pn Pd. induction more as [|x more IH]; intros w v before k h first p ws H F C B E Nb u o G;
    unfold ws in *; rewrite steps_cons in H; apply bind_ok in H; destruct H as (after & HA & H); ok H.
  all: repeat match goal with r : unit |- _ => destruct r end.
  all: apply andb_true_iff in E0; destruct E0 as (Ra & Ca); apply Nat.eqb_eq in Ra; apply Nat.eqb_eq in Ca.
  all: inversion F as [|? ? Fw F']; subst; inversion F' as [|? ? Fv F'']; subst.
  all: cbn [chained] in C; apply andb_true_iff in C; destruct C as (C1 & C); apply Nat.eqb_eq in C1.
  all: destruct G as (g & Gb & G).
  all: assert (Fa : formed after) by
    (first [ apply hint_formed in HA; exact HA
           | inversion HA; subst; apply formed_mul; [apply formed_transpose; exact Fv | exact Fv] ]).
  all: assert (Ew : enough (m_rows w) p) by (apply (enough_less _ (hidden (v :: _))) in E; exact E).
  all: destruct (step_correct num den before w after p Pn Pd Fw Fa Ra Ca B Ew) as (Ff & Sc).
  all: pose proof (Sc (shown_positive_correct s e _ h Ff E1) u g) as Q.
  all: assert (N : 0 <= sum (m_rows w) (fun i => t_of p i * ((g i - alpha_of p i * grown w u i) * (beta_of p i * grown w u i - g i))))
    by (apply sum_nonneg; intros i Hi;
        destruct (Nb i (hidden_first _ _ _ _ Hi)) as (T & -> & ->); apply Rmult_le_pos; [exact T | apply Gb; exact Hi]).
  all: fold (grown w u) in Q; unfold grown in N.
  - inversion HA; subst after. simpl in G.
    assert (X : squares (ends [w; v]) o = form (m_rows w) (value (m_mul (m_transpose v) v)) g).
    { rewrite <- C1, form_of_product by exact Fv. unfold squares. simpl. apply sum_ext. intros i Hi.
      rewrite G by exact Hi. reflexivity. }
    rewrite X. lra.
  - assert (X : squares (ends (v :: x :: more)) o <= storage num den (Some after) (m_columns v) g).
    { apply (IH v x (Some after) (S k) (S (S h)) (first + m_rows w)%nat (skip (m_rows w) p)); try assumption.
      - cbn [fits]. rewrite C1. auto.
      - apply enough_skip. exact E.
      - intros i Hi. assert (Hh : (m_rows w + i < hidden (w :: v :: x :: more))%nat) by (cbn [hidden] in *; lia).
        destruct (Nb _ Hh) as (T & A1 & B1). rewrite <- Nat.add_assoc, <- A1, <- B1.
        unfold t_of, alpha_of, beta_of, skip in *. simpl in *. rewrite !nth_skipped. auto. }
    change (ends (w :: v :: x :: more)) with (ends (v :: x :: more)). simpl in X. rewrite C1 in X. lra.
Qed.

Lemma gain_shapes s e ws m q : gain s e ws m q = Ok tt ->
  (2 <= length ws)%nat /\ chained ws = true /\ m_rows m = hidden ws /\ m_columns m = 2%nat /\ (0 < snd q)%Z /\ (0 < fst q)%Z.
Proof.
  unfold gain. destruct q as (num, den). intros H. ok H. simpl.
  repeat match goal with E : (_ && _ = true)%bool |- _ => apply andb_true_iff in E; destruct E end.
  repeat match goal with
  | E : (_ =? _)%nat = true |- _ => apply Nat.eqb_eq in E
  | E : (_ <=? _)%nat = true |- _ => apply Nat.leb_le in E
  | E : (_ <? _)%Z = true |- _ => apply Z.ltb_lt in E
  end.
  auto 8.
Qed.

(** What accepted evidence shows of matrices. *)
Theorem gain_correct s e ws m q : gain s e ws m q = Ok tt -> Forall formed ws -> formed m ->
  forall u o, reaches (fun i => value m i 0) (fun i => value m i 1) 0 ws u o ->
  squares (ends ws) o <= ratio_value q * ratio_value q * squares (begins ws) u.
Proof.
  intros H F Fm u o G. destruct (gain_shapes _ _ _ _ _ H) as (L & C & Rm & Cm & Pd & Pn).
  unfold gain in H. destruct q as (num, den). simpl in Pd, Pn. ok H.
  rename a3 into t. apply hint_formed in E3. rename E3 into Ft.
  apply andb_true_iff in E4. destruct E4 as (Rt & Ct). apply Nat.eqb_eq in Rt. apply Nat.eqb_eq in Ct.
  destruct ws as [|w [|v more]]; [simpl in L; lia | simpl in L; lia|].
  assert (Lt : length (concat (m_cells t)) = hidden (w :: v :: more)).
  { destruct Ft as (_ & _ & _ & Lr & Fr). rewrite Rt in Lr.
    destruct (m_cells t) as [|r [|]]; [discriminate | | discriminate].
    apply Forall_inv in Fr. cbn [concat]. rewrite app_nil_r, Fr. exact Ct. }
  assert (Lm : length (m_cells m) = hidden (w :: v :: more)) by (destruct Fm as (_ & _ & _ & Lr & _); congruence).
  assert (Dt : (0 < m_den t)%Z) by apply Ft. assert (Dm : (0 < m_den m)%Z) by apply Fm.
  assert (Sq : storage (num * num) (den * den) None (m_columns w) u
               = ratio_value (num, den) * ratio_value (num, den) * squares (m_columns w) u).
  { unfold storage, ratio_value, squares. simpl. rewrite !mult_IZR. apply IZR_lt in Pd. field. lra. }
  change (begins (w :: v :: more)) with (m_columns w). rewrite <- Sq.
  refine (steps_correct s e (num * num) (den * den) _ _ ltac:(nia) ltac:(nia) more w v None _ _ 0%nat _ H F C I _ _ u o G).
  - repeat split; cbn [n_t n_alpha n_beta n_dt n_ds]; rewrite ?map_length, ?Lt, ?Lm; auto.
  - intros i Hi. unfold t_of, alpha_of, beta_of. cbn [n_t n_alpha n_beta n_dt n_ds]. split; [|split].
    + apply Rmult_le_pos; [|left; apply Rinv_0_lt_compat, IZR_lt, Dt].
      apply IZR_le, Z.leb_le. rewrite forallb_forall in E5. apply E5, nth_In. lia.
    + unfold value, cell. rewrite <- (map_nth (fun r => nth 0 r 0%Z)). reflexivity.
    + unfold value, cell. rewrite <- (map_nth (fun r => nth 1 r 0%Z)). reflexivity.
Qed.

Lemma hidden_cons w v f : hidden (w :: v :: f) = (m_rows w + hidden (v :: f))%nat.
Proof. reflexivity. Qed.

Lemma reaches_ext : forall ws a b a' b' first first' u o,
  (forall i, (i < hidden ws)%nat -> a (first + i)%nat = a' (first' + i)%nat /\ b (first + i)%nat = b' (first' + i)%nat) ->
  reaches a b first ws u o -> reaches a' b' first' ws u o.
Proof.
  induction ws as [|w ws IH]; intros a b a' b' first first' u o S G; [exact G|].
  destruct ws as [|v ws]; [exact G|]. destruct G as (h & P & G). exists h. split.
  - intros i Hi. destruct (S i (hidden_first _ _ _ _ Hi)) as (<- & <-). apply P. exact Hi.
  - refine (IH _ _ _ _ _ _ _ _ _ G). intros i Hi. rewrite <- !Nat.add_assoc. apply S. cbn [hidden] in *. lia.
Qed.

Lemma reaches_cons a b first w ws u o : ws <> [] ->
  (exists h, (forall i, (i < m_rows w)%nat -> between (a (first + i)%nat) (b (first + i)%nat) (grown w u i) (h i)) /\
             reaches a b (first + m_rows w) ws h o) -> reaches a b first (w :: ws) u o.
Proof. destruct ws; [contradiction|]. intros _ H. exact H. Qed.

(** ** Networks *)

(** A matrix as it was read. *)
Definition reads (s : store) (w : matrix_words) (m : matrix) : Prop :=
  formed m /\ m_rows m = mw_rows w /\ m_columns m = mw_columns w /\
  forall i j, (i < m_rows m)%nat -> (j < m_columns m)%nat -> value m i j = meaning s w i j.

Lemma read_all s : forall ws ms, read_matrices s ws = Ok ms -> Forall2 (reads s) ws ms.
Proof.
  induction ws as [|w ws IH]; intros ms H; cbn [read_matrices] in H; [inversion H; constructor|].
  ok H. inversion H; subst. constructor; [exact (read_matrix_correct s w _ E) | apply IH; assumption].
Qed.

Lemma all_formed s ws ms : Forall2 (reads s) ws ms -> Forall formed ms.
Proof. induction 1 as [|w m ws ms (F & _) _ IH]; constructor; auto. Qed.

Lemma ends_reads s ws ms : Forall2 (reads s) ws ms -> outputs ws = ends ms.
Proof.
  unfold outputs, ends. generalize 0%nat. intros k H. revert k.
  induction H as [|w m ws ms (_ & R & _) _ IH]; intros k; simpl; [reflexivity|]. rewrite R. apply IH.
Qed.

Lemma begins_reads s ws ms : Forall2 (reads s) ws ms -> inputs ws = begins ms.
Proof. intros H. destruct H as [|w m ws ms (_ & _ & C & _) _]; simpl; auto. Qed.

(** The increment of W x. *)
Lemma grown_image s w m x y i : reads s w m -> (i < m_rows m)%nat ->
  grown m (fun j => x j - y j) i = image s w x i - image s w y i.
Proof.
  intros (F & R & C & V) Hi. unfold grown, image. rewrite <- C, <- sum_sub. apply sum_ext. intros j Hj.
  rewrite V by assumption. ring.
Qed.

Lemma network_reaches s a b bias phi : forall ws ms first x y,
  Forall2 (reads s) ws ms -> ms <> [] ->
  (forall i c d, (i < hidden ms)%nat ->
    between (a (first + i)%nat) (b (first + i)%nat) (c - d) (phi (first + i)%nat c - phi (first + i)%nat d)) ->
  reaches a b first ms (fun i => x i - y i)
    (fun i => network s bias phi first ws x i - network s bias phi first ws y i).
Proof.
  induction ws as [|w ws IH]; intros ms first x y H N P; inversion H as [|? m ? ms' Hm Hms]; subst; [contradiction|].
  destruct Hms as [|w' m' ws ms'' Hm' Hms].
  - cbn [reaches network]. intros i Hi. rewrite (grown_image s w m x y i Hm Hi). ring.
  - assert (R : m_rows m = mw_rows w) by apply Hm.
    exists (fun i => phi (first + i)%nat (image s w x i + bias (first + i)%nat)
                     - phi (first + i)%nat (image s w y i + bias (first + i)%nat)). split.
    + intros i Hi. rewrite (grown_image s w m x y i Hm Hi).
      replace (image s w x i - image s w y i)
        with ((image s w x i + bias (first + i)%nat) - (image s w y i + bias (first + i)%nat)) by ring.
      apply P. apply hidden_first. exact Hi.
    + change (reaches a b (first + m_rows m) (m' :: ms'')
        (fun i => phi (first + i)%nat (image s w x i + bias (first + i)%nat)
                  - phi (first + i)%nat (image s w y i + bias (first + i)%nat))
        (fun i => network s bias phi (first + mw_rows w) (w' :: ws) (fun i => phi (first + i)%nat (image s w x i + bias (first + i)%nat)) i
                  - network s bias phi (first + mw_rows w) (w' :: ws) (fun i => phi (first + i)%nat (image s w y i + bias (first + i)%nat)) i)).
      rewrite <- R. apply (IH (m' :: ms'') (first + m_rows m)%nat).
      * constructor; assumption.
      * discriminate.
      * intros i c d Hi. rewrite <- Nat.add_assoc. apply P. cbn [hidden] in *. lia.
Qed.

(** Slopes that were read. *)
Lemma sloped_between s w m phi : reads s w m -> m_columns m = 2%nat -> sloped s w (mw_rows w) phi ->
  forall i c d, (i < m_rows m)%nat -> between (value m i 0) (value m i 1) (c - d) (phi i c - phi i d).
Proof.
  intros (F & R & C & V) T P i c d Hi. unfold between. rewrite !V by lia. apply P. lia.
Qed.

Theorem lipschitz_correct s w e : check s w e = Ok tt -> holds s w.
Proof.
  unfold check. intros H. apply bind_ok in H. destruct H as (ms & Hms & H). apply bind_ok in H. destruct H as (m & Hm & H).
  apply read_all in Hms. pose proof (read_matrix_correct s _ _ Hm : reads s (slopes w) m) as Rm.
  destruct (gain_shapes _ _ _ _ _ H) as (L & _ & Hr & Hc & _).
  intros bias phi P x y f. unfold f, distance. rewrite (ends_reads _ _ _ Hms), (begins_reads _ _ _ Hms).
  refine (gain_correct s e ms m (limit w) H (all_formed _ _ _ Hms) (proj1 Rm) (fun i => x i - y i)
            (fun i => network s bias phi 0 (layers w) x i - network s bias phi 0 (layers w) y i) _).
  apply network_reaches; [exact Hms | destruct ms; [simpl in L; lia | discriminate]|].
  intros i c d Hi. apply (sloped_between s (slopes w) m phi Rm Hc P). simpl. lia.
Qed.
