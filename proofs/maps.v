(** Linear maps: what a map's words mean, and how the checker multiplies with them.

    A pattern says where weights stand; with real weights it is the map itself, with integers what the checker keeps.
    Both are instances of one definition, so that entries correspond by construction. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax.
Import ListNotations.
Open Scope Z_scope.
Open Scope bool_scope.

(** ** Maps and patterns *)

(** One output: its weights in order, or (input, weight) in ascending order of inputs. *)
Inductive row (A : Type) := Dense (l : list A) | Sparse (l : list (nat * A)).
Arguments Dense {A}. Arguments Sparse {A}.

Inductive lmap (A : Type) := Rows (n_in : nat) (rs : list (row A)) | Diag (l : list A).
Arguments Rows {A}. Arguments Diag {A}.

Inductive pattern :=
| PDense (n_out n_in : nat)
| PDiag (repeat : nat)                       (* each weight stands for [repeat] consecutive entries *)
| PSelect (index : list Z) (n_in : nat)      (* entry i is input index_i times the one weight; -1: zero *)
| PConv (g : conv_geometry).

Fixpoint chunk {A} (count n : nat) (w : list A) : list (list A) :=
  match count with O => [] | S m => firstn n w :: chunk m n (skipn n w) end.

(** All multi-indices below some bounds, the last axis fastest. *)
Fixpoint indices (bounds : list nat) : list (list nat) :=
  match bounds with
  | [] => [[]]
  | n :: t => flat_map (fun i => map (cons i) (indices t)) (seq 0 n)
  end.

Definition prod_nat (l : list nat) : nat := fold_right Nat.mul 1%nat l.

(** Outputs of a convolution along each axis; zero where the kernel does not fit. *)
Fixpoint conv_out (spatial kernel strides begins ends dilations : list nat) : list nat :=
  match spatial, kernel, strides, begins, ends, dilations with
  | n :: spatial', k :: kernel', s :: strides', b :: begins', e :: ends', d :: dilations' =>
      (let padded := n + b + e in let reach := d * (k - 1) + 1 in
       if padded <? reach then 0 else (padded - reach) / s + 1)%nat
      :: conv_out spatial' kernel' strides' begins' ends' dilations'
  | _, _, _, _, _, _ => []
  end.

(** The input position (row-major) that output [o] meets at kernel offset [k]; None in the padding. *)
Fixpoint conv_position (at_ : nat) (spatial strides begins dilations o k : list nat) : option nat :=
  match spatial, strides, begins, dilations, o, k with
  | n :: spatial', s :: strides', b :: begins', d :: dilations', i :: o', j :: k' =>
      let x := (i * s + j * d)%nat in
      if (x <? b)%nat then None else
      if (n <=? x - b)%nat then None else conv_position (at_ * n + (x - b)) spatial' strides' begins' dilations' o' k'
  | _, _, _, _, _, _ => Some at_
  end.

Definition conv_outputs (g : conv_geometry) : list nat :=
  conv_out (cv_spatial g) (cv_kernel g) (cv_strides g) (cv_begins g) (cv_ends g) (cv_dilations g).

(** The inputs that output position [o] of group [q] meets, in the order of the weights of an output channel. *)
Definition conv_inputs (g : conv_geometry) (q : nat) (o : list nat) : list (option nat) :=
  let per := (cv_in g / cv_groups g)%nat in
  let size := prod_nat (cv_spatial g) in
  flat_map (fun i => map (fun k =>
      option_map (fun p => ((q * per + i) * size + p)%nat)
        (conv_position 0 (cv_spatial g) (cv_strides g) (cv_begins g) (cv_dilations g) o k))
      (indices (cv_kernel g))) (seq 0 per).

Fixpoint joined {A} (at_ : list (option nat)) (w : list A) : list (nat * A) :=
  match at_, w with
  | Some j :: at', a :: w' => (j, a) :: joined at' w'
  | None :: at', _ :: w' => joined at' w'
  | _, _ => []
  end.

(** ONNX Conv: y[c, o] = sum over i in the group of c, kernel offsets k of w[c, i, k] x[i, o stride + k dilation - begin]. *)
Definition conv_rows {A} (g : conv_geometry) (w : list A) : list (row A) :=
  let per := (cv_in g / cv_groups g * prod_nat (cv_kernel g))%nat in
  let outs := (cv_out g / cv_groups g)%nat in
  let groups := chunk (cv_groups g) (outs * per) w in
  concat (map2 (fun q ws =>
      let inputs := map (conv_inputs g q) (indices (conv_outputs g)) in
      flat_map (fun channel => map (fun at_ => Sparse (joined at_ channel)) inputs) (chunk outs per ws))
    (seq 0 (cv_groups g)) groups).

Definition instance {A} (p : pattern) (w : list A) : lmap A :=
  match p with
  | PDense n_out n_in => Rows n_in (map Dense (chunk n_out n_in w))
  | PDiag r => Diag (flat_map (fun a => repeat a r) w)
  | PSelect index n_in =>
      Rows n_in (map (fun i => if i <? 0 then Sparse [] else
                     match w with a :: _ => Sparse [(Z.to_nat i, a)] | [] => Sparse [] end) index)
  | PConv g => Rows (cv_in g * prod_nat (cv_spatial g)) (conv_rows g w)
  end.

(** ** What maps mean *)

Open Scope R_scope.

Fixpoint sdot (l : list (nat * R)) (v : list R) : R :=
  match l with [] => 0 | (j, a) :: t => a * nth j v 0 + sdot t v end.

Definition rdot (r : row R) (v : list R) : R := match r with Dense l => dotR l v | Sparse l => sdot l v end.

Definition apply (m : lmap R) (v : list R) : list R :=
  match m with Rows _ rs => map (fun r => rdot r v) rs | Diag l => map2 Rmult l v end.

(** S w: the entries that a selection picks, zero for -1. *)
Definition gather (index : list Z) (v : list R) : list R := map (nthz 0 v) index.
Definition gathered (sigma : option (list Z)) (v : list R) : list R :=
  match sigma with None => v | Some index => gather index v end.

Open Scope Z_scope.
Open Scope bool_scope.

(** ** Fixed point and integers: rules.md#integers *)

(** Weights within [lo, hi] 2^-h. *)
Record fixedmap := { fm_pattern : pattern; fm_lo : list Z; fm_hi : list Z; fm_h : Z }.

(** Entries within [W, W + width] 2^-b of the map. *)
Record intmap := { im_map : lmap Z; im_width : Z }.

Definition out_size {A} (m : lmap A) : nat := match m with Rows _ rs => length rs | Diag l => length l end.
Definition in_size {A} (m : lmap A) : nat := match m with Rows n _ => n | Diag l => length l end.

(** Inputs of a sparse row ascend from [from] on and stay below [n]. *)
Fixpoint ascending {A} (from n : nat) (l : list (nat * A)) : bool :=
  match l with [] => true | (j, _) :: t => (from <=? j)%nat && (j <? n)%nat && ascending (S j) n t end.

Definition row_ok {A} (n : nat) (r : row A) : bool :=
  match r with Dense l => (length l <=? n)%nat | Sparse l => ascending 0 n l end.
Definition map_ok {A} (m : lmap A) : bool :=
  match m with Rows n rs => forallb (row_ok n) rs | Diag _ => true end.

(** floor and ceil of num x 2^t / den. *)
Definition scale_down (num den t x : Z) : Z := Z.shiftl (num * x) t / den.
Definition scale_up (num den t x : Z) : Z := - (Z.shiftl (- (num * x)) t / den).

(** The integer map of (num / den) M 2^bits; None when the pattern's inputs do not ascend or leave their range. *)
Definition scaled (f : fixedmap) (num den bits : Z) : option intmap :=
  let t := bits - fm_h f in
  let '(a, b) := if 0 <=? num then (fm_lo f, fm_hi f) else (fm_hi f, fm_lo f) in
  let low := map (scale_down num den t) a in
  let width := fold_left Z.max (map2 (fun x y => scale_up num den t y - x) low b) 0 in
  let m := instance (fm_pattern f) low in
  if map_ok m then Some {| im_map := m; im_width := width |} else None.

(** ** Products *)

(** Copy [n] entries (zeros past the end), then go on with [f]. *)
Fixpoint walk (n : nat) (f : list Z -> list Z) (acc : list Z) : list Z :=
  match n, acc with
  | O, _ => f acc
  | S m, [] => 0 :: walk m f []
  | S m, x :: t => x :: walk m f t
  end.

(** k row + acc, where acc starts at input [at_]. *)
Fixpoint axpy_sparse (k : Z) (l : list (nat * Z)) (at_ : nat) (acc : list Z) : list Z :=
  match l with
  | [] => acc
  | (j, a) :: t =>
      walk (j - at_) (fun rest => match rest with
                                  | [] => k * a :: axpy_sparse k t (S j) []
                                  | x :: rest' => k * a + x :: axpy_sparse k t (S j) rest'
                                  end) acc
  end.

(** sum_i c_i row_i. *)
Fixpoint pull_rows (c : list Z) (rs : list (row Z)) : list Z :=
  match c, rs with
  | k :: c', r :: rs' =>
      let rest := pull_rows c' rs' in
      if k =? 0 then rest else
      match r with Dense l => axpy k l rest | Sparse l => axpy_sparse k l 0 rest end
  | _, _ => []
  end.

Definition ones_of (r : row Z) : row Z :=
  match r with Dense l => Dense (map (fun _ => 1) l) | Sparse l => Sparse (map (fun p => (fst p, 1)) l) end.

Definition all_dense (rs : list (row Z)) : bool := forallb (fun r => match r with Dense _ => true | Sparse _ => false
  end) rs.

(** sum_i min(c_i, 0) on every input that row i has; dense rows share one sum. *)
Definition pull_ones (n : nat) (c : list Z) (rs : list (row Z)) : list Z :=
  if all_dense rs then repeat (fold_left (fun s x => s + negpart x) (map2 (fun x _ => x) c rs) 0) n
  else pull_rows (map negpart c) (map ones_of rs).

(** C W - width (negative part of C) over the pattern: at most C M 2^b on vectors >= 0. *)
Definition pull_below (im : intmap) (c : list Z) : list Z :=
  let w := im_width im in
  match im_map im with
  | Rows n rs => let out := pull_rows c rs in if w =? 0 then out else axpy w (pull_ones n c rs) out
  | Diag l => let out := map2 Z.mul c l in if w =? 0 then out else map2 (fun x y => x + w * negpart y) out c
  end.

(** sum of f(entry, v_j) along a row. *)
Fixpoint row_sum_dense (f : Z -> Z -> Z) (l v : list Z) : Z :=
  match l, v with a :: l', x :: v' => f a x + row_sum_dense f l' v' | _, _ => 0 end.
Fixpoint row_sum_sparse (f : Z -> Z -> Z) (l : list (nat * Z)) (at_ : nat) (v : list Z) : Z :=
  match l with
  | [] => 0
  | (j, a) :: t => match skipn (j - at_) v with [] => 0 | x :: v' => f a x + row_sum_sparse f t (S j) v' end
  end.
Definition row_sum (f : Z -> Z -> Z) (v : list Z) (r : row Z) : Z :=
  match r with Dense l => row_sum_dense f l v | Sparse l => row_sum_sparse f l 0 v end.

Definition image_by (f : Z -> Z -> Z) (m : lmap Z) (v : list Z) : list Z :=
  match m with Rows _ rs => map (row_sum f v) rs | Diag l => map2 f l v end.

(** (lower, upper) of M v 2^b for integers v. *)
Definition image (im : intmap) (v : list Z) : list Z * list Z :=
  let w := im_width im in
  let base := image_by Z.mul (im_map im) v in
  if w =? 0 then (base, base) else
  (map2 (fun x y => x + w * y) base (image_by (fun _ x => negpart x) (im_map im) v),
   map2 (fun x y => x + w * y) base (image_by (fun _ x => pospart x) (im_map im) v)).

(** (lower, upper) of M n 2^b for 0 <= n <= r. *)
Definition image_of_range (im : intmap) (r : list Z) : list Z * list Z :=
  let w := im_width im in
  (image_by (fun a x => negpart a * x) (im_map im) r, image_by (fun a x => pospart (a + w) * x) (im_map im) r).

(** ** Differences of maps: rules.md#difference *)

(** More than one tensor side by side: the lesser h; a side that is zero throughout has no say. *)
Definition is_zero_list (l : list Z) : bool := forallb (Z.eqb 0) l.
Definition common_bits (lo1 hi1 : list Z) (h1 : Z) (lo2 hi2 : list Z) (h2 : Z) : Z :=
  match is_zero_list lo1 && is_zero_list hi1, is_zero_list lo2 && is_zero_list hi2 with
  | true, true => 0
  | true, false => h2
  | false, true => h1
  | false, false => Z.min h1 h2
  end%bool.

(** Rounded outward to fewer fraction bits; zeros stay what they are. *)
Definition coarsened (lo hi : list Z) (h fewer : Z) : list Z * list Z :=
  let k := Z.max 0 (h - fewer) in
  if k =? 0 then (lo, hi) else (map (fun x => Z.shiftr x k) lo, map (fun x => - Z.shiftr (- x) k) hi).
