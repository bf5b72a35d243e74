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

Theorem lipschitz_correct s w e : check s w e = Ok tt -> holds s w.
Admitted.
