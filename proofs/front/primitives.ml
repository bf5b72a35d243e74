(* What extraction puts in place of Rocq's own functions (directives.v): the same value, or Out_of_memory where that
   value is beyond an int or any memory. *)

(* Names that the extracted code cannot hide by modules of its own. *)
module Integer = Z
module Lists = List

let choose less equal greater sign = if sign = 0 then equal else if sign < 0 then less else greater

(* ---- natural numbers as ints, well below the largest: steps up by one cannot reach it *)

let small n = if n < 0 || n > 1 lsl 61 then raise Out_of_memory else n
let add_nat a b = small (a + b)
let mul_nat a b = if a lor b < 1 lsl 30 || b = 0 || a <= (1 lsl 61) / b then a * b else raise Out_of_memory
let to_nat z = if Z.sign z <= 0 then 0 else if Z.fits_int z then small (Z.to_int z) else raise Out_of_memory

(* ---- positive numbers and integers *)

let double p = Z.shift_left p 1
let double_plus_one p = Z.succ (Z.shift_left p 1)

let positive_case double_plus_one double one p =
  if Z.equal p Z.one then one ()
  else if Z.is_odd p then double_plus_one (Z.shift_right p 1)
  else double (Z.shift_right p 1)

let integer_case zero positive negative z =
  match Z.sign z with 0 -> zero () | 1 -> positive z | _ -> negative (Z.neg z)

(* Division rounds down; by zero the quotient is 0 and the rest the dividend. *)
let floor_div a b = if Z.sign b = 0 then Z.zero else Z.fdiv a b
let floor_mod a b = if Z.sign b = 0 then a else Z.sub a (Z.mul b (Z.fdiv a b))

(* More bits than this are no number that a certificate leads to. *)
let most_bits = 1 lsl 32
let left a k = if Z.gt k (Z.of_int most_bits) then raise Out_of_memory else Z.shift_left a (Z.to_int k)

let right a k =
  if Z.gt k (Z.of_int most_bits) then if Z.sign a < 0 then Z.minus_one else Z.zero else Z.shift_right a (Z.to_int k)

(* Shifts by a negative number go the other way; right shifts round down. *)
let shift_left a k = if Z.sign a = 0 then a else if Z.sign k >= 0 then left a k else right a (Z.neg k)
let shift_right a k = if Z.sign a = 0 then a else if Z.sign k >= 0 then right a k else left a (Z.neg k)

(* To a negative power: 0. *)
let power a k =
  if Z.sign k < 0 then Z.zero
  else if Z.leq (Z.abs a) Z.one then if Z.sign k = 0 || (Z.sign a < 0 && Z.is_even k) then Z.one else a
  else if Z.gt (Z.mul k (Z.of_int (Z.numbits a))) (Z.of_int most_bits) then raise Out_of_memory
  else Z.pow a (Z.to_int k)

let square_root a = if Z.sign a <= 0 then Z.zero else Z.sqrt a
let log2 a = if Z.sign a <= 0 then Z.zero else Z.of_int (Z.numbits a - 1)

(* ---- lists *)

let map f l = List.rev (List.rev_map f l)
let append a b = match b with [] -> a | _ -> List.rev_append (List.rev a) b
let rec nth i l d = match l with [] -> d | x :: t -> if i = 0 then x else nth (i - 1) t d
let rec drop n l = if n = 0 then l else match l with [] -> [] | _ :: t -> drop (n - 1) t

let take n l =
  let rec go n acc l = if n = 0 then acc else match l with [] -> acc | x :: t -> go (n - 1) (x :: acc) t in
  List.rev (go n [] l)

let repeat x n =
  let rec go n acc = if n = 0 then acc else go (n - 1) (x :: acc) in
  go n []

let range start n =
  let rec go n acc = if n = 0 then acc else go (n - 1) ((start + n - 1) :: acc) in
  go n []

let concat l = List.rev (List.fold_left (fun acc x -> List.rev_append x acc) [] l)
let flat_map f l = List.rev (List.fold_left (fun acc x -> List.rev_append (f x) acc) [] l)
