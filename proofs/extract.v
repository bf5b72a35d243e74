(** Extraction to OCaml, with zarith for integers and OCaml's own int for natural numbers.

    Each directive replaces a function by one with the same values; proofs/front/primitives.ml holds those that need more
    than a line, and a test compares them with known answers. Natural numbers stay below 2^62: the format's limits see
    to that (specs/format.md#limits). *)
From Coq Require Import ZArith QArith String List Extraction ExtrOcamlBasic ExtrOcamlNativeString.
From Certify Require Import check.

Extraction Language OCaml.

(* Natural numbers. *)
Extract Inductive nat => "int" [ "0" "(fun n -> n + 1)" ]
  "(fun zero succ n -> if n = 0 then zero () else succ (n - 1))".
Extract Constant Init.Nat.add => "(fun a b -> a + b)".
Extract Constant Init.Nat.mul => "(fun a b -> a * b)".
Extract Constant Init.Nat.sub => "(fun a b -> if a < b then 0 else a - b)".
Extract Constant Nat.add => "(fun a b -> a + b)".
Extract Constant Nat.mul => "(fun a b -> a * b)".
Extract Constant Nat.sub => "(fun a b -> if a < b then 0 else a - b)".
Extract Constant Nat.eqb => "(fun (a : int) b -> a = b)".
Extract Constant Nat.leb => "(fun (a : int) b -> a <= b)".
Extract Constant Nat.ltb => "(fun (a : int) b -> a < b)".
Extract Constant Nat.min => "(fun (a : int) b -> if a <= b then a else b)".
Extract Constant Nat.max => "(fun (a : int) b -> if a <= b then b else a)".
Extract Constant Nat.div => "(fun a b -> if b = 0 then 0 else a / b)".
Extract Constant Nat.modulo => "(fun a b -> if b = 0 then a else a mod b)".
Extract Constant Nat.eq_dec => "(fun (a : int) b -> a = b)".

(* Positive numbers and integers. *)
Extract Inductive positive => "Primitives.Integer.t"
  [ "(fun p -> Primitives.Integer.succ (Primitives.Integer.shift_left p 1))" "(fun p -> Primitives.Integer.shift_left p 1)" "Primitives.Integer.one" ]
  "Primitives.positive_case".
Extract Inductive Z => "Primitives.Integer.t" [ "Primitives.Integer.zero" "(fun p -> p)" "Primitives.Integer.neg" ] "Primitives.integer_case".
Extract Inductive N => "Primitives.Integer.t" [ "Primitives.Integer.zero" "(fun p -> p)" ] "Primitives.natural_case".

Extract Constant Pos.succ => "Primitives.Integer.succ".
Extract Constant Pos.add => "Primitives.Integer.add".
Extract Constant Pos.mul => "Primitives.Integer.mul".
Extract Constant Pos.compare => "(fun a b -> let c = Primitives.Integer.compare a b in if c = 0 then Eq else if c < 0 then Lt else Gt)".
Extract Constant Pos.eq_dec => "Primitives.Integer.equal".
Extract Constant Pos.eqb => "Primitives.Integer.equal".
Extract Constant Pos.leb => "Primitives.Integer.leq".
Extract Constant Pos.ltb => "Primitives.Integer.lt".
Extract Constant Pos.to_nat => "Primitives.Integer.to_int".
Extract Constant Pos.of_nat => "(fun n -> if n = 0 then Primitives.Integer.one else Primitives.Integer.of_int n)".
Extract Constant Pos.of_succ_nat => "(fun n -> Primitives.Integer.of_int (n + 1))".

Extract Constant Z.add => "Primitives.Integer.add".
Extract Constant Z.sub => "Primitives.Integer.sub".
Extract Constant Z.mul => "Primitives.Integer.mul".
Extract Constant Z.opp => "Primitives.Integer.neg".
Extract Constant Z.abs => "Primitives.Integer.abs".
Extract Constant Z.min => "Primitives.Integer.min".
Extract Constant Z.max => "Primitives.Integer.max".
Extract Constant Z.eqb => "Primitives.Integer.equal".
Extract Constant Z.leb => "Primitives.Integer.leq".
Extract Constant Z.ltb => "Primitives.Integer.lt".
Extract Constant Z.compare => "(fun a b -> let c = Primitives.Integer.compare a b in if c = 0 then Eq else if c < 0 then Lt else Gt)".
Extract Constant Z.eq_dec => "Primitives.Integer.equal".
Extract Constant Z.div => "Primitives.floor_div".
Extract Constant Z.modulo => "Primitives.floor_mod".
Extract Constant Z.shiftl => "Primitives.shift_left".
Extract Constant Z.shiftr => "Primitives.shift_right".
Extract Constant Z.pow => "Primitives.power".
Extract Constant Z.sqrt => "Primitives.square_root".
Extract Constant Z.to_nat => "Primitives.to_nat".
Extract Constant Z.of_nat => "Primitives.Integer.of_int".
Extract Constant Z.to_pos => "(fun z -> if Primitives.Integer.sign z <= 0 then Primitives.Integer.one else z)".

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

Cd "_build".
Extraction "kernel.ml" check.check semantics.parts maps.conv_outputs.
