(** Rule *conclude*: from functionals of the outputs to the claim's quantity on one leaf. Spec: rules.md#conclude;
    conclude.py of the other kernel. *)
From Coq Require Import String ZArith Reals QArith Qreals List Bool Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax floats maps plans semantics result.
From Certify.rules Require Import domain.
Import ListNotations.
Open Scope bool_scope.
Open Scope Z_scope.

(** ** Rows of the quantity *)

(** What a row is on: f, g, f - g, or f and g side by side (2n columns). *)
Inductive side := OnF | OnG | OnDifference | OnBoth.

(** Integer rows; each bounds the quantity's own row times the unit. *)
Record rows := { rw_matrix : list (list Z); rw_on : side; rw_unit : Q }.

Definition is_float_type (t : dtype) : bool := match t with F2 | F4 | F8 => true | _ => false end.

Definition floats_ok (s : store) (t n : nat) : bool :=
  is_float_type (t_type (tensor_at s t)) && Nat.eqb (t_count (tensor_at s t)) n.

Definition has_g (c : claim) : bool := match cl_g c with Some _ => true | None => false end.

(** The classes of the parts, for margins and decisions. *)
Definition labels_ok (s : store) (c : claim) (t n_out count : nat) : result unit :=
  _ <- need "one-output" (2 <=? n_out)%nat;;
  _ <- need "one-network" (has_g c);;
  _ <- need "shape" (Nat.eqb (t_count (tensor_at s t)) count);;
  l <- get "tensor" (integers (tensor_at s t));;
  need "index-range" (forallb (fun k => (0 <=? k) && (k <? Z.of_nat n_out)) l).

Definition check_form (s : store) (c : claim) (n_out count : nat) : result unit :=
  match cl_quantity c with
  | WValue _ modulo => need "one-output" (negb modulo || (2 <=? n_out)%nat)
  | WOutput j => need "index-range" (j <? n_out)%nat
  | WFunctional t | WUpper t => need "shape" (floats_ok s t n_out)
  | WLeast f g limits =>
      _ <- need "denominator" (forallb (fun r => 1 <=? snd r) limits && negb (Nat.eqb (List.length limits) 0));;
      _ <- need "shape" (floats_ok s f (List.length limits * n_out));;
      _ <- need "one-network" (match g with GNone => true | _ => has_g c end);;
      need "shape" (match g with GTensor t => floats_ok s t (List.length limits * n_out) | _ => true end)
  | WMargin t | WDecision t => labels_ok s c t n_out count
  end.

(** What a claim says of its quantity and threshold is well formed; [count] parts. *)
Definition check_quantity (s : store) (c : claim) (n_out count : nat) : result unit :=
  _ <- check_form s c n_out count;;
  _ <- need "denominator" (1 <=? snd (cl_threshold c));;
  need "threshold" (match cl_quantity c with WValue L2 _ => 0 <=? fst (cl_threshold c) | _ => true end).

(** *** Dyadics as integers over one power of two *)

Fixpoint zero_bits (p : positive) : Z := match p with xO q => Z.succ (zero_bits q) | _ => 0 end.

(** The exponent of the least bit of a nonzero entry. *)
Definition least_bit (p : dyadic) : option Z :=
  match fst p with Z0 => None | Zpos m | Zneg m => Some (snd p + zero_bits m) end.

(** The least of them over entries; 0 if all are zero. *)
Definition least_exponent (l : list dyadic) : Z :=
  match fold_left (fun least p =>
    match least, least_bit p with
    | None, b => b
    | a, None => a
    | Some a, Some b => Some (Z.min a b)
    end) l None with Some e => e | None => 0 end.

Definition whole (least : Z) (l : list dyadic) : list Z := map (fun p => Z.shiftl (fst p) (snd p - least)) l.

Definition pow2_q (h : Z) : Q := if 0 <=? h then inject_Z (2 ^ h) else Qmake 1 (Z.to_pos (2 ^ (- h))).

(** *** The rows of each form *)

(** k e_j - m, of n entries. *)
Definition basis_row (n j : nat) (k m : Z) : list Z := map (fun i => (if Nat.eqb i j then k else 0) - m) (seq 0 n).

(** e_j - e_c *)
Definition margin_row (n j : nat) (class : Z) : list Z :=
  map (fun i => (if Nat.eqb i j then 1 else 0) - (if Z.of_nat i =? class then 1 else 0)) (seq 0 n).

Definition margin_rows (n : nat) (class : Z) : list (list Z) :=
  map (fun j => margin_row n j class) (filter (fun j => negb (Z.of_nat j =? class)) (seq 0 n)).

(** f x y for all x before y, in lexicographic order. *)
Fixpoint pairs_of {A B} (f : A -> A -> B) (l : list A) : list B :=
  match l with [] => [] | x :: t => map (f x) t ++ pairs_of f t end.

(** Rows of `least` up to which sums of pairs are bounded too: their number grows with the square. *)
Definition paired_rows : nat := 16.

Definition pairs_if {A B} (f : A -> A -> B) (l : list A) : list B :=
  if (List.length l <=? paired_rows)%nat then pairs_of f l else [].

Definition least_rows (s : store) (n k : nat) (f : nat) (g : on_g) : result rows :=
  a <- floats_at s f (k * n);;
  b <- match g with GTensor t => floats_at s t (k * n) | _ => Ok [] end;;
  let e := least_exponent (a ++ b) in
  let left := chunk k n (whole e a) in
  let single := match g with GTensor _ => map2 (@app Z) left (chunk k n (whole e b)) | _ => left end in
  Ok {| rw_matrix := single ++ pairs_if (map2 Z.add) single;
        rw_on := match g with GNone => OnF | GOpposite => OnDifference | GTensor _ => OnBoth end;
        rw_unit := pow2_q (- e) |}.

Definition on_difference (matrix : list (list Z)) (unit : Q) : rows :=
  {| rw_matrix := matrix; rw_on := OnDifference; rw_unit := unit |}.

(** The rows of the claim's quantity, whose upper bounds [combine] joins; [class] is the part's. *)
Definition quantity_rows (s : store) (c : claim) (n_out : nat) (class : Z) : result (list rows) :=
  match cl_quantity c with
  | WValue _ modulo =>
      let k := if modulo then Z.of_nat n_out else 1 in
      let plus := map (fun j => basis_row n_out j k (if modulo then 1 else 0)) (seq 0 n_out) in
      Ok [on_difference (plus ++ map (map Z.opp) plus) (inject_Z k)]
  | WOutput j =>
      let plus := basis_row n_out j 1 0 in
      Ok [on_difference [plus; map Z.opp plus] 1]
  | WFunctional t =>
      l <- floats_at s t n_out;;
      let e := least_exponent l in
      let row := whole e l in
      Ok [on_difference [row; map Z.opp row] (pow2_q (- e))]
  | WUpper t =>
      l <- floats_at s t n_out;;
      let e := least_exponent l in
      Ok [on_difference [whole e l] (pow2_q (- e))]
  | WLeast f g limits => r <- least_rows s n_out (List.length limits) f g;; Ok [r]
  | WMargin _ => Ok [on_difference (margin_rows n_out class) 1]
  | WDecision _ =>
      let m := margin_rows n_out class in
      Ok [{| rw_matrix := m; rw_on := OnF; rw_unit := 1 |}; {| rw_matrix := m; rw_on := OnG; rw_unit := 1 |}]
  end.

(** How many functionals a leaf bounds: all of [quantity_rows]. *)
Definition row_count (c : claim) (n_out : nat) : nat :=
  match cl_quantity c with
  | WValue _ _ => 2 * n_out
  | WOutput _ | WFunctional _ => 2
  | WUpper _ => 1
  | WLeast _ _ limits =>
      let k := List.length limits in k + (if (k <=? paired_rows)%nat then k * (k - 1) / 2 else 0)
  | WMargin _ => n_out - 1
  | WDecision _ => 2 * (n_out - 1)
  end%nat.

(** ** Where a row starts *)

(** The first block d = f - g of the outputs, one to one. *)
Fixpoint output_pair (i : nat) (blocks : list block) (f g : nat) : option (nat * Z) :=
  match blocks with
  | [] => None
  | b :: t =>
      match pair_of b with
      | Some (u, w, None) =>
          if Nat.eqb u f && Nat.eqb w g then Some (i, bk_delta b) else output_pair (S i) t f g
      | _ => output_pair (S i) t f g
      end
  end.

Definition scale_of (blocks : list block) (b : nat) : Z := bk_scale (nth b blocks no_block).

Definition same_scale (blocks : list block) (f g : nat) : result unit :=
  need "scale" (scale_of blocks f =? scale_of blocks g).

(** What a on f and b on g have in common, to be put on f - g: entry by entry. *)
Definition common (a b : Z) : Z := pospart (Z.min a (- b)) + negpart (Z.max a (- b)).

(** A row a . f + b . g. A difference has the finer scale: coefficients of the others are brought to it, exactly. *)
Definition start_both (blocks : list block) (f g : nat) (row : list Z) : result (list (nat * list Z) * Z) :=
  let n := bk_size (nth f blocks no_block) in
  let a := firstn n row in
  let b := skipn n row in
  let scale := scale_of blocks f in
  if Nat.eqb f g then Ok ([(f, addl a b)], scale) else
  _ <- same_scale blocks f g;;
  match output_pair 0 blocks f g with
  | None => Ok ([(f, a); (g, b)], scale)
  | Some (p, finer) =>
      let m := map2 common a b in
      let finely := map (fun x => Z.shiftl x finer) in
      Ok ([(p, m); (f, finely (addl a (map Z.opp m))); (g, finely (addl b m))], scale + finer)
  end.

(** Coefficients of the negated row on blocks, times 2^c, and the scale of the blocks. *)
Definition start (blocks : list block) (out_f : nat) (out_g : option nat) (on : side) (row : list Z) (c : Z) :
    result (list (nat * list Z) * Z) :=
  let negated := map (fun x => Z.shiftl (- x) c) row in
  let scale := scale_of blocks out_f in
  match on, out_g with
  | OnF, _ | OnDifference, None => Ok ([(out_f, negated)], scale)
  | OnG, None | OnBoth, None => Reject "one-network"
  | OnG, Some g => Ok ([(g, negated)], scale_of blocks g)
  | OnBoth, Some g => start_both blocks out_f g negated
  | OnDifference, Some g =>
      if Nat.eqb out_f g then Ok ([(out_f, map (fun _ => 0) negated)], scale) else
      _ <- same_scale blocks out_f g;;
      match output_pair 0 blocks out_f g with
      | Some (p, finer) => Ok ([(p, negated)], scale + finer)
      | None => Ok ([(out_f, negated); (g, map Z.opp negated)], scale)
      end
  end.

(** ** What the rows' bounds say of the quantity *)

(** The claim's relation between a bound and its threshold. *)
Definition holds (c : claim) (bound threshold : Q) : bool :=
  if cl_strict c then negb (Qle_bool threshold bound) else Qle_bool bound threshold.

Definition greatest (l : list Q) : Q := match l with [] => 0%Q | u :: t => fold_left max_q t u end.

(** In lowest terms. *)
Definition lowest (v : Q) : Q :=
  let g := Z.gcd (Qnum v) (Zpos (Qden v)) in Qmake (Qnum v / g) (Z.to_pos (Zpos (Qden v) / g)).

(** A rational at most 2^-60 (relative) above the square root; of a rational in lowest terms. *)
Definition root_above (square : Q) : Q :=
  let v := lowest square in
  if Qnum v =? 0 then 0%Q else
  let k := 128 + Z.max 0 (Z.log2 (Zpos (Qden v)) - Z.log2 (Qnum v)) in
  let w := Z.shiftl (Qnum v) (2 * k) / Zpos (Qden v) in
  Qmake (Z.sqrt w + 1) (Z.to_pos (Z.shiftl 1 k)).

(** Of each |d_j| from bounds of d_j and -d_j. *)
Definition sizes (uppers : list Q) : list Q :=
  let n := (List.length uppers / 2)%nat in map (max_q 0) (map2 max_q (firstn n uppers) (skipn n uppers)).

(** Bounds of a row above its limit, and half of a pair's: the smaller of two is at most their mean. *)
Definition least_candidates (limits : list Q) (uppers : list Q) : list Q :=
  let k := List.length limits in
  map2 sub_q (firstn k uppers) limits
  ++ map2 (fun u t => Qmult (sub_q u t) (1 # 2)) (skipn k uppers) (pairs_if add_q limits).

(** (exact upper bound of the quantity, whether it satisfies the claim) from the rows' upper bounds. *)
Definition combine (c : claim) (uppers : list Q) : Q * bool :=
  let t := ratio_q (cl_threshold c) in
  let judged bound := (bound, holds c bound t) in
  match cl_quantity c with
  | WValue L1 _ => judged (sum_q (sizes uppers))
  | WValue L2 _ =>
      let square := sum_q (map (fun u => Qmult u u) (sizes uppers)) in
      (root_above square, holds c square (Qmult t t))
  | WLeast _ _ limits =>
      match least_candidates (map ratio_q limits) uppers with
      | [] => (0%Q, false)
      | u :: rest => judged (fold_left min_q rest u)
      end
  | _ => judged (greatest uppers)
  end.
