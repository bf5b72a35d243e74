(** Tables of what the functions replaced by directives.v give: Rocq's evaluator prints them, the extracted program
    prints them too, and the build stops where they differ. A test sees to it that no directive is left out. *)
From Coq Require Import ZArith String List Extraction.
From Certify Require Import directives.
Import ListNotations.
Open Scope Z_scope.

(** ** Arguments: around zero, and around the places where machine integers end *)

Definition integers : list Z :=
  flat_map (fun a => [a; - a])
    [0; 1; 2; 3; 7; 64; 255; 2 ^ 31; 2 ^ 61; 2 ^ 62 - 1; 2 ^ 62; 2 ^ 62 + 1; 2 ^ 63 - 1; 2 ^ 63; 2 ^ 64 + 5; 10 ^ 30].
Definition others : list Z :=
  [0; 1; -1; 2; -3; 7; -8; 64; -2 ^ 31; 2 ^ 62 - 1; - 2 ^ 62; 2 ^ 63; - 2 ^ 64 - 5; - 10 ^ 30; 10 ^ 30 + 1].
Definition shifts : list Z := flat_map (fun a => [a; - a]) [0; 1; 2; 31; 61; 62; 63; 64; 65; 100].
Definition naturals : list nat := [0; 1; 2; 3; 5; 7; 12; 30]%nat.
Definition lists : list (list Z) := [[]; [4]; [1; 2]; [3; -1; 2; 8]; [5; 6; 7; 8; 9; 10; -11]].

(** ** Tables *)

Definition table (name : string) (l : list Z) := (name, l).
Definition truth (b : bool) : Z := if b then 1 else 0.
Definition order (c : comparison) : Z := match c with Lt => -1 | Eq => 0 | Gt => 1 end.
Definition decided {A B : Prop} (d : {A} + {B}) : Z := if d then 1 else 0.
Definition numbers {A} (f : A -> Z) (l : list A) : list Z := map f l.
Definition pairs {A B} (f : A -> B -> Z) (k : list A) (l : list B) : list Z :=
  flat_map (fun a => map (fun b => f a b) l) k.
Definition positives : list positive := map Z.to_pos (filter (fun z => 0 <? z) others).

(* Matches and constructors of each type. *)
Fixpoint bits (p : positive) : list Z := match p with xI q => 1 :: bits q | xO q => 0 :: bits q | xH => [2] end.
Fixpoint copy (p : positive) : positive := match p with xI q => xI (copy q) | xO q => xO (copy q) | xH => xH end.
Definition parted (z : Z) : list Z :=
  match z with Z0 => [0] | Zpos p => [1; Zpos p] | Zneg p => [-1; Zpos p; Zneg p] end.
Fixpoint unary (n : nat) : Z := match n with O => 0 | S m => 1 + unary m end.
Fixpoint half (n : nat) : nat := match n with S (S m) => S (half m) | _ => O end.
Definition some (o : option Z) : Z := match o with Some z => z | None => -77 end.

Definition on_naturals : list (string * list Z) :=
  let two f := pairs f naturals naturals in
  let of f := two (fun a b => Z.of_nat (f a b)) in
  [table "nat" (numbers unary naturals ++ numbers (fun n => unary (half n)) naturals);
   table "Nat.add" (of Nat.add); table "Nat.mul" (of Nat.mul); table "Nat.sub" (of Nat.sub);
   table "Nat.eqb" (two (fun a b => truth (Nat.eqb a b))); table "Nat.leb" (two (fun a b => truth (Nat.leb a b)));
   table "Nat.ltb" (two (fun a b => truth (Nat.ltb a b))); table "Nat.min" (of Nat.min); table "Nat.max" (of Nat.max);
   table "Nat.div" (of Nat.div); table "Nat.modulo" (of Nat.modulo);
   table "Nat.eq_dec" (two (fun a b => decided (Nat.eq_dec a b)));
   table "Init.Nat.add" (of Init.Nat.add); table "Init.Nat.mul" (of Init.Nat.mul);
   table "Init.Nat.sub" (of Init.Nat.sub);
   table "Init.Nat.eqb" (two (fun a b => truth (Init.Nat.eqb a b)));
   table "Init.Nat.leb" (two (fun a b => truth (Init.Nat.leb a b)));
   table "Init.Nat.ltb" (two (fun a b => truth (Init.Nat.ltb a b)));
   table "Init.Nat.min" (of Init.Nat.min); table "Init.Nat.max" (of Init.Nat.max);
   table "Init.Nat.div" (of Init.Nat.div);
   table "Init.Nat.modulo" (of Init.Nat.modulo)].

Definition on_positives : list (string * list Z) :=
  let two f := pairs f positives positives in
  let of f := two (fun a b => Zpos (f a b)) in
  [table "positive" (flat_map bits positives ++ numbers (fun p => Zpos (copy p)) positives);
   table "Pos.succ" (numbers (fun p => Zpos (Pos.succ p)) positives); table "Pos.add" (of Pos.add);
   table "Pos.sub" (of Pos.sub);
   table "Pos.mul" (of Pos.mul); table "Pos.compare" (two (fun a b => order (Pos.compare a b)));
   table "Pos.eqb" (two (fun a b => truth (Pos.eqb a b))); table "Pos.leb" (two (fun a b => truth (Pos.leb a b)));
   table "Pos.ltb" (two (fun a b => truth (Pos.ltb a b)));
   table "Pos.eq_dec" (two (fun a b => decided (Pos.eq_dec a b)));
   table "Pos.gcd" (of Pos.gcd);
   table "Pos.to_nat" (numbers (fun n => unary (Pos.to_nat (Pos.of_nat n))) naturals);
   table "Pos.of_nat" (numbers (fun n => Zpos (Pos.of_nat n)) naturals);
   table "Pos.of_succ_nat" (numbers (fun n => Zpos (Pos.of_succ_nat n)) naturals)].

Definition on_integers : list (string * list Z) :=
  let one f := numbers f integers in
  let two f := pairs f integers others in
  let is f := two (fun a b => truth (f a b)) in
  [table "Z" (flat_map parted integers); table "Z.add" (two Z.add); table "Z.sub" (two Z.sub);
   table "Z.mul" (two Z.mul);
   table "Z.opp" (one Z.opp); table "Z.abs" (one Z.abs); table "Z.sgn" (one Z.sgn); table "Z.min" (two Z.min);
   table "Z.max" (two Z.max);
   table "Z.compare" (two (fun a b => order (Z.compare a b))); table "Z.eqb" (is Z.eqb); table "Z.leb" (is Z.leb);
   table "Z.ltb" (is Z.ltb); table "Z.geb" (is Z.geb); table "Z.gtb" (is Z.gtb);
   table "Z.eq_dec" (two (fun a b => decided (Z.eq_dec a b)));
   table "Z.even" (one (fun a => truth (Z.even a))); table "Z.odd" (one (fun a => truth (Z.odd a)));
   table "Z.div" (two Z.div); table "Z.modulo" (two Z.modulo);
   table "Z.div_eucl" (two (fun a b => fst (Z.div_eucl a b)) ++ two (fun a b => snd (Z.div_eucl a b)));
   table "Z.gcd" (two Z.gcd); table "Z.shiftl" (pairs Z.shiftl integers shifts);
   table "Z.shiftr" (pairs Z.shiftr integers shifts);
   table "Z.land" (two Z.land); table "Z.pow" (pairs Z.pow integers [-30; -1; 0; 1; 2; 5]);
   table "Z.sqrt" (one Z.sqrt);
   table "Z.log2" (one Z.log2);
   table "Z.to_nat" (numbers (fun a => unary (Z.to_nat a)) [- 10 ^ 30; -3; -1; 0; 1; 2; 300]);
   table "Z.of_nat" (numbers Z.of_nat naturals); table "Z.to_pos" (one (fun a => Zpos (Z.to_pos a)))].

Definition on_lists : list (string * list Z) :=
  let all f := flat_map f lists in
  let sized f := flat_map (fun n => flat_map (f n) lists) naturals in
  [table "List.map" (all (map (Z.mul 3))); table "List.app" (all (fun k => all (fun l => k ++ l)));
   table "List.length" (numbers (fun l => Z.of_nat (List.length l)) lists); table "List.rev" (all (@rev Z));
   table "List.nth" (sized (fun n l => [nth n l (-77)]));
   table "List.nth_error" (sized (fun n l => [some (nth_error l n)]));
   table "List.skipn" (sized (@skipn Z)); table "List.firstn" (sized (@firstn Z));
   table "List.repeat" (flat_map (repeat 5) naturals);
   table "List.seq" (flat_map (fun a => flat_map (fun n => map Z.of_nat (seq a n)) naturals) naturals);
   table "List.flat_map" (all (flat_map (fun x => [x; x + 1])));
   table "List.concat" (concat lists ++ concat (concat [lists; lists]))].

Definition tables : list (string * list Z) := on_naturals ++ on_positives ++ on_integers ++ on_lists.

Extraction Language OCaml.
Cd "_build".
Extraction "tables.ml" tables.
Open Scope string_scope.
Eval vm_compute in tables.
