(* What extraction puts in place of Coq's own functions, with the same value at every argument. *)

(* Names that the extracted code cannot hide by modules of its own. *)
module Integer = Z
module Lists = List

let positive_case double_plus_one double one p =
  if Z.equal p Z.one then one ()
  else if Z.is_odd p then double_plus_one (Z.shift_right p 1)
  else double (Z.shift_right p 1)

let integer_case zero positive negative z =
  match Z.sign z with 0 -> zero () | 1 -> positive z | _ -> negative (Z.neg z)

let natural_case zero positive n = if Z.sign n = 0 then zero () else positive n

(* Division rounds down; by zero the quotient is 0 and the rest the dividend. *)
let floor_div a b = if Z.sign b = 0 then Z.zero else Z.fdiv a b
let floor_mod a b = if Z.sign b = 0 then a else Z.sub a (Z.mul b (Z.fdiv a b))

(* Shifts by a negative number go the other way; right shifts round down. A left shift that no memory holds is an
   error here, never a value. *)
let far = Z.of_int (1 lsl 40)

let left a k = if Z.gt k far then raise Out_of_memory else Z.shift_left a (Z.to_int k)

let right a k =
  if Z.gt k far then (if Z.sign a < 0 then Z.minus_one else Z.zero) else Z.shift_right a (Z.to_int k)

let shift_left a k = if Z.sign a = 0 then a else if Z.sign k >= 0 then left a k else right a (Z.neg k)
let shift_right a k = if Z.sign a = 0 then a else if Z.sign k >= 0 then right a k else left a (Z.neg k)

let power a k =
  if Z.sign k < 0 then Z.zero
  else if Z.equal a (Z.of_int 2) then left Z.one k
  else if Z.fits_int k then Z.pow a (Z.to_int k)
  else raise Out_of_memory

let square_root a = if Z.sign a <= 0 then Z.zero else Z.sqrt a
let to_nat z = if Z.sign z <= 0 then 0 else Z.to_int z

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
