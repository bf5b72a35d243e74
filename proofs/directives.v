(** What extraction puts in place of Rocq's own types and functions: zarith for integers, OCaml's int for natural
    numbers, its lists, strings and truth values for their likes.

    Each directive has the value of what it replaces at every argument, or stops the program for want of memory;
    agreement.v has Rocq's own evaluator and the extracted program compute the same tables, and the build compares
    them. What needs more than a line is in front/primitives.ml. *)
From Coq Require Import ZArith String List Extraction ExtrOcamlBasic ExtrOcamlNativeString.

(* Natural numbers: sums and products pass a guard; every other way up is one step at a time. *)
Extract Inductive nat => "int" [ "0" "(fun n -> n + 1)" ]
  "(fun zero succ n -> if n = 0 then zero () else succ (n - 1))".
Extract Constant Nat.add => "Primitives.add_nat".
Extract Constant Nat.mul => "Primitives.mul_nat".
Extract Constant Nat.sub => "(fun a b -> if a < b then 0 else a - b)".
Extract Constant Nat.eqb => "(fun (a : int) b -> a = b)".
Extract Constant Nat.leb => "(fun (a : int) b -> a <= b)".
Extract Constant Nat.ltb => "(fun (a : int) b -> a < b)".
Extract Constant Nat.min => "(fun (a : int) b -> if a <= b then a else b)".
Extract Constant Nat.max => "(fun (a : int) b -> if a <= b then b else a)".
Extract Constant Nat.div => "(fun a b -> if b = 0 then 0 else a / b)".
Extract Constant Nat.modulo => "(fun a b -> if b = 0 then a else a mod b)".
Extract Constant Nat.eq_dec => "(fun (a : int) b -> a = b)".
(* The same functions once more: definitions made before PeanoNat name them so. *)
Extract Constant Init.Nat.add => "Primitives.add_nat".
Extract Constant Init.Nat.mul => "Primitives.mul_nat".
Extract Constant Init.Nat.sub => "(fun a b -> if a < b then 0 else a - b)".
Extract Constant Init.Nat.eqb => "(fun (a : int) b -> a = b)".
Extract Constant Init.Nat.leb => "(fun (a : int) b -> a <= b)".
Extract Constant Init.Nat.ltb => "(fun (a : int) b -> a < b)".
Extract Constant Init.Nat.min => "(fun (a : int) b -> if a <= b then a else b)".
Extract Constant Init.Nat.max => "(fun (a : int) b -> if a <= b then b else a)".
Extract Constant Init.Nat.div => "(fun a b -> if b = 0 then 0 else a / b)".
Extract Constant Init.Nat.modulo => "(fun a b -> if b = 0 then a else a mod b)".

(* Positive numbers. *)
Extract Inductive positive => "Primitives.Integer.t"
  [ "Primitives.double_plus_one" "Primitives.double" "Primitives.Integer.one" ] "Primitives.positive_case".
Extract Constant Pos.succ => "Primitives.Integer.succ".
Extract Constant Pos.add => "Primitives.Integer.add".
Extract Constant Pos.sub => "(fun a b -> Primitives.Integer.(max one (sub a b)))".
Extract Constant Pos.mul => "Primitives.Integer.mul".
Extract Constant Pos.compare => "(fun a b -> Primitives.choose Lt Eq Gt (Primitives.Integer.compare a b))".
Extract Constant Pos.eqb => "Primitives.Integer.equal".
Extract Constant Pos.leb => "Primitives.Integer.leq".
Extract Constant Pos.ltb => "Primitives.Integer.lt".
Extract Constant Pos.eq_dec => "Primitives.Integer.equal".
Extract Constant Pos.gcd => "Primitives.Integer.gcd".
Extract Constant Pos.to_nat => "Primitives.to_nat".
Extract Constant Pos.of_nat => "(fun n -> if n = 0 then Primitives.Integer.one else Primitives.Integer.of_int n)".
Extract Constant Pos.of_succ_nat => "(fun n -> Primitives.Integer.of_int (n + 1))".

(* Integers. *)
Extract Inductive Z => "Primitives.Integer.t" [ "Primitives.Integer.zero" "(fun p -> p)" "Primitives.Integer.neg" ]
  "Primitives.integer_case".
Extract Constant Z.add => "Primitives.Integer.add".
Extract Constant Z.sub => "Primitives.Integer.sub".
Extract Constant Z.mul => "Primitives.Integer.mul".
Extract Constant Z.opp => "Primitives.Integer.neg".
Extract Constant Z.abs => "Primitives.Integer.abs".
Extract Constant Z.sgn => "(fun a -> Primitives.Integer.(of_int (sign a)))".
Extract Constant Z.min => "Primitives.Integer.min".
Extract Constant Z.max => "Primitives.Integer.max".
Extract Constant Z.compare => "(fun a b -> Primitives.choose Lt Eq Gt (Primitives.Integer.compare a b))".
Extract Constant Z.eqb => "Primitives.Integer.equal".
Extract Constant Z.leb => "Primitives.Integer.leq".
Extract Constant Z.ltb => "Primitives.Integer.lt".
Extract Constant Z.geb => "Primitives.Integer.geq".
Extract Constant Z.gtb => "Primitives.Integer.gt".
Extract Constant Z.eq_dec => "Primitives.Integer.equal".
Extract Constant Z.even => "Primitives.Integer.is_even".
Extract Constant Z.odd => "Primitives.Integer.is_odd".
Extract Constant Z.div => "Primitives.floor_div".
Extract Constant Z.modulo => "Primitives.floor_mod".
Extract Constant Z.div_eucl => "(fun a b -> (Primitives.floor_div a b, Primitives.floor_mod a b))".
Extract Constant Z.gcd => "Primitives.Integer.gcd".
Extract Constant Z.shiftl => "Primitives.shift_left".
Extract Constant Z.shiftr => "Primitives.shift_right".
Extract Constant Z.land => "Primitives.Integer.logand".
Extract Constant Z.pow => "Primitives.power".
Extract Constant Z.sqrt => "Primitives.square_root".
Extract Constant Z.log2 => "Primitives.log2".
Extract Constant Z.to_nat => "Primitives.to_nat".
Extract Constant Z.of_nat => "Primitives.Integer.of_int".
Extract Constant Z.to_pos => "(fun a -> Primitives.Integer.(max one a))".

(* Lists: the same functions, without the stack. *)
Extract Constant List.map => "Primitives.map".
Extract Constant List.app => "Primitives.append".
Extract Constant List.length => "Primitives.Lists.length".
Extract Constant List.rev => "Primitives.Lists.rev".
Extract Constant List.nth => "Primitives.nth".
Extract Constant List.nth_error => "Primitives.Lists.nth_opt".
Extract Constant List.skipn => "Primitives.drop".
Extract Constant List.firstn => "Primitives.take".
Extract Constant List.repeat => "Primitives.repeat".
Extract Constant List.seq => "Primitives.range".
Extract Constant List.flat_map => "Primitives.flat_map".
Extract Constant List.concat => "Primitives.concat".
