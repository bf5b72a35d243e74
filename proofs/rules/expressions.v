(** Entries of blocks over z = (1, t), |t_i| <= 1, in units of 2^-bits, with a bound of what that leaves out.

    Coefficients that a list does not have are zero. Spec: rules.md#quadratic; class Expressions of the other kernel. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps plans.
From Certify.rules Require Import matrices.
Import ListNotations.
Open Scope bool_scope.
Open Scope Z_scope.

(** ** Functions of the checker *)

(** Coefficients over z, and noise. *)
Definition entry := (list Z * Z)%type.
Definition no_entry : entry := ([], 0).

Definition plus (a b : entry) : entry := (addl (fst a) (fst b), snd a + snd b).
Definition minus (a b : entry) : entry := (axpy (-1) (fst b) (fst a), snd a + snd b).
Definition entries_of (sigma : option (list Z)) (l : list entry) : list entry :=
  match sigma with None => l | Some index => map (nthz no_entry l) index end.

(** *** Coordinates *)

Definition is_chosen (k : Z) : bool := negb (k =? 0).
Definition count (kinds : list Z) : nat := length (filter is_chosen kinds).

(** The number of the first coordinate of each block that has some. *)
Fixpoint numbered (at_ : nat) (chosen : list (nat * list Z)) : list (nat * (nat * list Z)) :=
  match chosen with
  | [] => []
  | (b, kinds) :: rest => (b, (at_, kinds)) :: numbered (at_ + count kinds) rest
  end.

(** How many numbers z has. *)
Definition dimension (chosen : list (nat * list Z)) : nat :=
  fold_left (fun n (p : nat * list Z) => (n + count (snd p))%nat) chosen 1%nat.

Definition middle (lo hi : Z) : Z := Z.shiftr (lo + hi) 1.

(** What lies in [lo, hi], by coordinate [at_]. *)
Definition coordinate (at_ : nat) (lo hi : Z) : entry :=
  let m := middle lo hi in (m :: repeat 0 (at_ - 1) ++ [hi - m], 0).

(** Entries with coordinates in place: [choices] gives each entry from the kind and the number of its coordinate. *)
Fixpoint placed (at_ : nat) (kinds : list Z) (choices : list (Z -> nat -> entry)) (out : list entry) : list entry :=
  match kinds, choices, out with
  | k :: kinds', c :: choices', e :: out' =>
      if is_chosen k then c k at_ :: placed (S at_) kinds' choices' out' else e :: placed at_ kinds' choices' out'
  | _, _, _ => out
  end.

Definition with_coordinates (numbers : list (nat * (nat * list Z))) (b : nat) (choices : list (Z -> nat -> entry))
    (out : list entry) : list entry :=
  match lookup b numbers with None => out | Some (at_, kinds) => placed at_ kinds choices out end.

(** *** Input, free and relu blocks *)

Definition spans (lo hi : list Z) : list entry := map2 (fun l h => let m := middle l h in ([m], h - m)) lo hi.
Definition span_choices (lo hi : list Z) : list (Z -> nat -> entry) := map2 (fun l h _ at_ => coordinate at_ l h) lo hi.

(** relu z without a coordinate: z where that is the nearer line, else 0; both exact where the sign is known. *)
Definition relu_of (l u : Z) (z : entry) : entry :=
  let left := Z.min (pospart (- l)) (pospart u) in
  if - l <=? u then (fst z, snd z + left) else ([], left).

(** relu z with one: itself, or what it is above z. *)
Definition relu_choice (own : Z * Z) (l u : Z) (z : entry) (k : Z) (at_ : nat) : entry :=
  if k <=? 1 then coordinate at_ (fst own) (snd own) else plus (coordinate at_ (pospart (- u)) (pospart (- l))) z.

Fixpoint relu_choices (lo hi lz uz : list Z) (z : list entry) : list (Z -> nat -> entry) :=
  match lo, hi, lz, uz, z with
  | a :: lo', b :: hi', l :: lz', u :: uz', e :: z' => relu_choice (a, b) l u e :: relu_choices lo' hi' lz' uz' z'
  | _, _, _, _, _ => []
  end.

Fixpoint relus_of (lz uz : list Z) (z : list entry) : list entry :=
  match lz, uz, z with
  | l :: lz', u :: uz', e :: z' => relu_of l u e :: relus_of lz' uz' z'
  | _, _, _ => []
  end.

(** *** Entries w = u - d that coordinates of a difference d give *)

(** (entry of w, its expression), in order. *)
Fixpoint given (at_ : nat) (kinds goals lo hi : list Z) (fine : list entry) : list (Z * entry) :=
  match kinds, goals, lo, hi, fine with
  | k :: kinds', g :: goals', l :: lo', h :: hi', u :: fine' =>
      if is_chosen k then (g, minus u (coordinate at_ l h)) :: given (S at_) kinds' goals' lo' hi' fine'
      else given at_ kinds' goals' lo' hi' fine'
  | _, _, _, _, _ => []
  end.

Fixpoint all_distinct (l : list Z) : bool :=
  match l with [] => true | x :: t => negb (existsb (Z.eqb x) t) && all_distinct t end.

Fixpoint put_at (n : nat) (x : entry) (l : list entry) : list entry :=
  match n, l with
  | O, _ :: t => x :: t
  | S m, y :: t => y :: put_at m x t
  | _, [] => []
  end.

Section Build.

Variable blocks : list block.
Variable maps_q : prepared.
Variable q bits : Z.
Variable bd : bounds.
Variable numbers : list (nat * (nat * list Z)).

(** Bounds of a block in units of 2^-bits. *)
Definition low_of (b : nat) : list Z :=
  let t := bits - bk_scale (nth b blocks no_block) in map (fun x => shift_down x t) (lows bd b).
Definition high_of (b : nat) : list Z :=
  let t := bits - bk_scale (nth b blocks no_block) in map (fun x => shift_up x t) (highs bd b).

(** [out], entries of block [b], with what differences of it give; blocks before [b] have been [made]. *)
Fixpoint from_pairs (b : nat) (made : list (list entry)) (l : list (nat * (nat * list Z))) (out : list entry) :
    option (list entry) :=
  match l with
  | [] => Some out
  | (p, (at_, kinds)) :: rest =>
      match pair_of (nth p blocks no_block) with
      | Some (u, w, sigma) =>
          if Nat.eqb w b && existsb is_chosen kinds then
            let goals := match sigma with None => map Z.of_nat (seq 0 (length kinds)) | Some index => index end in
            let found := given at_ kinds goals (low_of p) (high_of p) (nth u made []) in
            let at_goals := map fst found in
            if (u <? b)%nat && forallb (Z.leb 0) at_goals && all_distinct at_goals then
              from_pairs b made rest (fold_left (fun o g => put_at (Z.to_nat (fst g)) (snd g) o) found out)
            else None
          else from_pairs b made rest out
      | None => from_pairs b made rest out
      end
  end.

(** *** Images *)

(** Sums of g a_j e_j along a row; [g] adds to what it is given last. *)
Fixpoint row_dense (g : Z -> list Z -> list Z -> list Z) (l : list Z) (es : list (list Z)) : list Z :=
  match l, es with a :: l', e :: es' => g a e (row_dense g l' es') | _, _ => [] end.
Fixpoint row_sparse (g : Z -> list Z -> list Z -> list Z) (l : list (nat * Z)) (at_ : nat) (es : list (list Z)) :
    list Z :=
  match l with
  | [] => []
  | (j, a) :: t => match skipn (j - at_) es with [] => [] | e :: es' => g a e (row_sparse g t (S j) es') end
  end.

Definition add_scaled (a : Z) (e acc : list Z) : list Z := if a =? 0 then acc else axpy a e acc.
Definition add_one (_ : Z) (e acc : list Z) : list Z := addl e acc.

Definition sum_rows (es : list (list Z)) : list Z := fold_right addl [] es.

(** Sums over what a row joins; dense rows share one ([whole]). *)
Definition row_ones (n : nat) (whole : list Z) (es : list (list Z)) (r : row Z) : list Z :=
  match r with
  | Dense l => if Nat.eqb (length l) n then whole else row_dense add_one l es
  | Sparse l => row_sparse add_one l 0 es
  end.
Definition row_image (es : list (list Z)) (r : row Z) : list Z :=
  match r with Dense l => row_dense add_scaled l es | Sparse l => row_sparse add_scaled l 0 es end.

(** (lower, upper) of the coefficients of M E, as [image] gives them one coordinate at a time. *)
Definition image_rows (im : intmap) (es : list (list Z)) : list (list Z * list Z) :=
  let w := im_width im in
  if w =? 0 then
    match im_map im with
    | Rows _ rs => map (fun r => let x := row_image es r in (x, x)) rs
    | Diag l => map2 (fun a e => let x := map (Z.mul a) e in (x, x)) l es
    end
  else
    let neg := map (map negpart) es in
    let pos := map (map pospart) es in
    match im_map im with
    | Rows _ rs =>
        let n := length es in
        let all_neg := sum_rows neg in
        let all_pos := sum_rows pos in
        map (fun r => let x := row_image es r in
                      (axpy w (row_ones n all_neg neg r) x, axpy w (row_ones n all_pos pos r) x)) rs
    | Diag l =>
        map2 (fun a e => let x := map (Z.mul a) e in
                         (axpy w (map negpart e) x, axpy w (map pospart e) x)) l es
    end.

Definition floor_q (x : Z) : Z := Z.shiftr x q.
Definition ceil_q (x : Z) : Z := - Z.shiftr (- x) q.

(** [out] + M E 2^-q, for one entry: coefficients between, and the width of the image of the noise. *)
Definition add_image (out : entry) (between : list Z * list Z) (range : Z * Z) : entry :=
  let low := map floor_q (fst between) in
  let high := map ceil_q (snd between) in
  (addl (fst out) low, snd out + total (axpy (-1) low high) + (ceil_q (snd range) - floor_q (fst range))).

Fixpoint add_images (out : list entry) (between : list (list Z * list Z)) (down up : list Z) : list entry :=
  match out, between, down, up with
  | e :: out', b :: between', l :: down', u :: up' => add_image e b (l, u) :: add_images out' between' down' up'
  | _, _, _, _ => []
  end.

(** Expressions have one unit, so that a map counts without the shift between the scales of its blocks. *)
Definition unshifted (t : rterm) (m : intmap) : option intmap :=
  if rt_shift t =? 0 then Some m else scaled (rt_map t) (rt_num t) (rt_den t) q.

Fixpoint add_terms (made : list (list entry)) (terms : list rterm) (ms : list (intmap * nat)) (out : list entry) :
    option (list entry) :=
  match terms, ms with
  | t :: terms', m :: ms' =>
      match unshifted t (fst m) with
      | None => None
      | Some im =>
          let x := nth (rt_source t) made [] in
          let '(down, up) := image_of_range im (map snd x) in
          add_terms made terms' ms' (add_images out (image_rows im (map fst x)) down up)
      end
  | [], [] => Some out
  | _, _ => None
  end.

Definition rounded (t l u : Z) : entry := let low := shift_down l t in ([low], shift_up u t - low).

Definition add_bias (bias : option (list Z * list Z * Z)) (out : list entry) : list entry :=
  match bias with
  | None => out
  | Some (lo, hi, h) => map2 plus out (map2 (rounded (bits - h)) lo hi)
  end.

(** *** Blocks in order *)

Definition express (b : nat) (blk : block) (made : list (list entry)) : option (list entry) :=
  match pair_of blk with
  | Some (u, w, sigma) => Some (map2 minus (nth u made []) (entries_of sigma (nth w made [])))
  | None =>
      match bk_kind blk with
      | KAffine r =>
          option_map (add_bias (rl_bias r))
            (add_terms made (rl_terms r) (nth b maps_q []) (repeat no_entry (bk_size blk)))
      | KRelu s =>
          let z := nth s made [] in
          let lz := low_of s in
          let uz := high_of s in
          from_pairs b made numbers
            (with_coordinates numbers b (relu_choices (low_of b) (high_of b) lz uz z) (relus_of lz uz z))
      | _ => Some (with_coordinates numbers b (span_choices (low_of b) (high_of b)) (spans (low_of b) (high_of b)))
      end
  end.

Fixpoint express_all (rest : list block) (made : list (list entry)) : option (list (list entry)) :=
  match rest with
  | [] => Some made
  | blk :: rest' =>
      match express (length made) blk made with
      | None => None
      | Some e => express_all rest' (made ++ [e])
      end
  end.

End Build.

(** Scales go with the meaning of blocks, as plans that were read have them. *)
Definition scales_agree (blocks : list block) (blk : block) : bool :=
  let at_ b := bk_scale (nth b blocks no_block) in
  match bk_kind blk with
  | KInput _ | KFree _ => true
  | KRelu s => at_ s =? bk_scale blk
  | KAffine r => forallb (fun t => rt_shift t =? bk_scale blk - at_ (rt_source t)) (rl_terms r)
  | KDirect u w _ | KPairAffine u w _ _ => (bk_scale blk =? at_ u + bk_delta blk) && (at_ w =? at_ u)
  | KPairRelu u w _ _ x y =>
      (bk_scale blk =? at_ u + bk_delta blk) && (at_ w =? at_ u) && (at_ x =? at_ u) && (at_ y =? at_ u)
  end.

(** Expressions of all blocks. *)
Definition expressions (blocks : list block) (maps_q : prepared) (q bits : Z) (bd : bounds)
    (chosen : list (nat * list Z)) : option (list (list entry)) :=
  if forallb (scales_agree blocks) blocks then
    express_all blocks maps_q q bits bd (numbered 1 chosen) blocks []
  else None.
