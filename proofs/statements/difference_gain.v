(** *difference-gain*: how far the difference of two networks on one input can amplify a difference of inputs.

    Rule *lipschitz* for the two side by side. Spec: statements.md#difference-gain. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax semantics floats result exact.
From Certify.rules Require Import matrices.
From Certify.statements Require Import lipschitz.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := {
  layers_f : list matrix_words; slopes_f : matrix_words;
  layers_g : list matrix_words; slopes_g : matrix_words;
  limit : ratio
}.

(** ** What it says *)

Open Scope R_scope.

Definition holds (s : store) (w : words) : Prop :=
  forall (bias_f bias_g : nat -> R) (phi_f phi_g : nat -> R -> R),
  sloped s (slopes_f w) (mw_rows (slopes_f w)) phi_f ->
  sloped s (slopes_g w) (mw_rows (slopes_g w)) phi_g ->
  forall x y : nat -> R,
  let d v i := network s bias_f phi_f 0 (layers_f w) v i - network s bias_g phi_g 0 (layers_g w) v i in
  distance (outputs (layers_f w)) (d x) (d y)
    <= ratio_value (limit w) * ratio_value (limit w) * distance (inputs (layers_f w)) x y.

(** ** The check *)

Open Scope Z_scope.

(** diag(w, v) *)
Definition blocks (w v : matrix) : matrix :=
  m_above (m_beside w (m_zero (m_rows w) (m_columns v))) (m_beside (m_zero (m_rows v) (m_columns w)) v).

(** Hidden layers after the first side by side, then the difference. *)
Fixpoint inner (f g : list matrix) : list matrix :=
  match f, g with
  | [w], [v] => [m_beside w (m_opp v)]
  | w :: f', v :: g' => blocks w v :: inner f' g'
  | _, _ => []
  end.

Definition side_by_side (f g : list matrix) : list matrix :=
  match f, g with w :: f', v :: g' => m_above w v :: inner f' g' | _, _ => [] end.

(** Rows of one layer after another, those of f first: sizes are those of the hidden layers. *)
Fixpoint woven (f g : list matrix) (a b : list (list Z)) : list (list Z) :=
  match f, g with
  | w :: (_ :: _) as f', v :: (_ :: _) as g' =>
      (firstn (m_rows w) a ++ firstn (m_rows v) b ++ woven f' g' (skipn (m_rows w) a) (skipn (m_rows v) b))%list
  | _, _ => []
  end.

Definition both_slopes (f g : list matrix) (a b : matrix) : matrix :=
  {| m_rows := hidden f + hidden g; m_columns := 2;
     m_cells := woven f g (scaled_cells (m_den b) a) (scaled_cells (m_den a) b); m_den := m_den a * m_den b |}.

Definition last_rows (ws : list matrix) : nat := fold_left (fun _ w => m_rows w) ws 0%nat.
Definition first_columns (ws : list matrix) : nat := match ws with [] => 0%nat | w :: _ => m_columns w end.

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  f <- read_matrices s (layers_f w) ;;
  a <- read_matrix s (slopes_f w) ;;
  g <- read_matrices s (layers_g w) ;;
  b <- read_matrix s (slopes_g w) ;;
  _ <- need "shape" ((2 <=? length f)%nat && chained f && chained g && (length f =? length g)%nat) ;;
  _ <- need "shape" ((first_columns f =? first_columns g) && (last_rows f =? last_rows g))%nat ;;
  _ <- need "shape" ((m_rows a =? hidden f) && (m_columns a =? 2) && (m_rows b =? hidden g) && (m_columns b =? 2))%nat ;;
  gain s e (side_by_side f g) (both_slopes f g a b) (limit w).

Theorem difference_gain_correct s w e : check s w e = Ok tt -> holds s w.
Admitted.
