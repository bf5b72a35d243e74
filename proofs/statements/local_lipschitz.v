(** *local-lipschitz*: how far a relu network can amplify a difference of two inputs in a box.

    Intervals say which neurons are on or off throughout; then rule *lipschitz*. Spec: statements.md#local-lipschitz. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax semantics floats result exact.
From Certify.rules Require Import matrices.
From Certify.statements Require Import lipschitz.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := {
  layers : list matrix_words; biases : list matrix_words; low : matrix_words; high : matrix_words; limit : ratio
}.

(** ** What it says *)

Open Scope R_scope.

(** W_K relu(.. relu(W_1 x + b_1) ..) + b_K *)
Fixpoint relu_network (s : store) (ws bs : list matrix_words) (x : nat -> R) : nat -> R :=
  match ws, bs with
  | [w], [b] => fun i => image s w x i + meaning s b i 0
  | w :: ws', b :: bs' => relu_network s ws' bs' (fun i => relu (image s w x i + meaning s b i 0))
  | _, _ => x
  end.

Definition in_box (s : store) (w : words) (x : nat -> R) : Prop :=
  forall i, (i < inputs (layers w))%nat -> meaning s (low w) i 0 <= x i <= meaning s (high w) i 0.

Definition holds (s : store) (w : words) : Prop :=
  forall x y : nat -> R, in_box s w x -> in_box s w y ->
  let f := relu_network s (layers w) (biases w) in
  distance (outputs (layers w)) (f x) (f y) <= ratio_value (limit w) * ratio_value (limit w) * distance (inputs (layers w)) x y.

(** ** The check *)

Open Scope Z_scope.

Definition map_cells (f : Z -> Z) (m : matrix) : matrix :=
  {| m_rows := m_rows m; m_columns := m_columns m; m_cells := map (map f) (m_cells m); m_den := m_den m |}.

(** Columns: W+ lo + W- hi + b. *)
Definition end_of (w b up down : matrix) : matrix :=
  m_add (m_add (m_mul (map_cells pospart w) up) (m_mul (map_cells negpart w) down)) b.

(** Slopes of one layer: 1 or 0 for alpha, 1 or 0 for beta. *)
Definition states (lo hi : matrix) : list (list Z) :=
  map2 (fun l h => [if 0 <=? nth 0 l 0 then 1 else 0; if 0 <? nth 0 h 0 then 1 else 0]) (m_cells lo) (m_cells hi).

Fixpoint slopes_on (ws bs : list matrix) (lo hi : matrix) : list (list Z) :=
  match ws, bs with
  | w :: (_ :: _) as ws', b :: bs' =>
      let l := end_of w b lo hi in
      let h := end_of w b hi lo in
      (states l h ++ slopes_on ws' bs' (map_cells pospart l) (map_cells pospart h))%list
  | _, _ => []
  end.

Fixpoint biased (ws bs : list matrix) : bool :=
  match ws, bs with
  | [], [] => true
  | w :: ws', b :: bs' => (m_rows b =? m_rows w)%nat && (m_columns b =? 1)%nat && biased ws' bs'
  | _, _ => false
  end.

Definition input_size (ws : list matrix) : nat := match ws with [] => 0%nat | w :: _ => m_columns w end.

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  ws <- read_matrices s (layers w) ;;
  bs <- read_matrices s (biases w) ;;
  lo <- read_matrix s (low w) ;;
  hi <- read_matrix s (high w) ;;
  _ <- need "shape" ((2 <=? length ws)%nat && chained ws && biased ws bs) ;;
  _ <- need "shape" ((m_rows lo =? input_size ws) && (m_columns lo =? 1) && (m_rows hi =? input_size ws)
                     && (m_columns hi =? 1))%nat ;;
  _ <- need "empty-domain" (forallb (forallb (Z.leb 0)) (m_cells (m_sub hi lo))) ;;
  gain s e ws {| m_rows := hidden ws; m_columns := 2; m_cells := slopes_on ws bs lo hi; m_den := 1 |} (limit w).

Theorem local_lipschitz_correct s w e : check s w e = Ok tt -> holds s w.
Admitted.
