(** *lumping*: the law of the blocks of a chain stays near that of a smaller chain. Spec: statements.md#lumping. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result exact.
From Certify.rules Require Import matrices.
From Certify.statements Require stationary.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := { chain : matrix_words; blocks : matrix_words; macro : matrix_words; start : ratio; limit : ratio }.

(** ** What it says *)

Open Scope R_scope.

(** The law after t steps. *)
Fixpoint after (n : nat) (p : nat -> nat -> R) (t : nat) (mu : nat -> R) : nat -> R :=
  match t with O => mu | S k => stationary.moved n p (after n p k mu) end.

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
  forall t, tv m (lumped n b (after n p t mu)) (after m pi t nu) <= stationary.number (limit w).

(** ** The check *)

Open Scope Z_scope.

Fixpoint add_at (k : nat) (x : Z) (l : list Z) : list Z :=
  match l, k with
  | [], _ => []
  | y :: r, O => x + y :: r
  | y :: r, S j => y :: add_at j x r
  end.

(** Entries added up by block. *)
Fixpoint gathered (index : list nat) (row out : list Z) : list Z :=
  match index, row with
  | k :: index', x :: row' => gathered index' row' (if x =? 0 then out else add_at k x out)
  | _, _ => out
  end.

(** sum of |x_i - y_i|; of lists of one length. *)
Fixpoint distance (x y : list Z) : Z :=
  match x, y with
  | a :: x', b :: y' => Z.abs (a - b) + distance x' y'
  | _, _ => 0
  end.

Definition largest (l : list Z) : Z := fold_left Z.max l 0.

(** For each state, the l1 norm of its row of P V - V Pi, times both denominators. *)
Definition losses (index : list nat) (p pi : matrix) : list Z :=
  let target := map (map (Z.mul (m_den p))) (m_cells pi) in
  map2 (fun k row =>
          distance (map (Z.mul (m_den pi)) (gathered index row (repeat 0 (m_rows pi)))) (nth k target []))
    index (m_cells p).

(** The largest l1 distance of two rows. *)
Fixpoint apart (rows : list (list Z)) : Z :=
  match rows with
  | [] => 0
  | r :: rest => Z.max (largest (map (distance r) rest)) (apart rest)
  end.

(** Rows of floor(M Pi), from the columns of Pi. *)
Definition next_power (columns : list (list Z)) (den : Z) (rows : list (list Z)) : list (list Z) :=
  map (fun r => map (fun c => zdot r c / den) columns) rows.

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

Theorem lumping_correct s w e : check s w e = Ok tt -> holds s w.
Admitted.
