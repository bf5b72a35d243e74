(* agreement FILE: the tables of agreement.v as this program computes them are those that Rocq printed into FILE. *)

let words text =
  let word c = match c with 'a' .. 'z' | 'A' .. 'Z' | '0' .. '9' | '_' | '.' | '-' -> c | _ -> ' ' in
  List.filter (fun w -> w <> "") (String.split_on_char ' ' (String.map word text))

let rec compare_words table = function
  | mine :: rest, theirs :: rest' when mine = theirs ->
      compare_words (if String.contains "PZNLnp" mine.[0] then mine else table) (rest, rest')
  | [], [ "list"; "string"; "list"; "Z" ] -> print_endline "the directives agree with Rocq"
  | mine, theirs ->
      let first = function [] -> "nothing" | w :: _ -> w in
      Printf.eprintf "%s: the program says %s, Rocq says %s\n" table (first mine) (first theirs);
      exit 1

let () =
  let mine = List.concat_map (fun (name, l) -> name :: List.map Z.to_string l) Tables.tables in
  let file = open_in_bin Sys.argv.(1) in
  let said = really_input_string file (in_channel_length file) in
  let start = String.index said '=' in
  compare_words "" (mine, words (String.sub said start (String.length said - start)));
  (* Where an int or the memory would end, the program stops instead. *)
  let stops f = match f () with _ -> prerr_endline "no guard"; exit 1 | exception Out_of_memory -> () in
  stops (fun () -> Primitives.add_nat (1 lsl 61) 1);
  stops (fun () -> Primitives.mul_nat (1 lsl 31) (1 lsl 31));
  stops (fun () -> Primitives.mul_nat 3 (1 lsl 61));
  stops (fun () -> Primitives.to_nat (Z.shift_left Z.one 62));
  stops (fun () -> Z.to_int (Primitives.shift_left Z.one (Z.shift_left Z.one 33)));
  stops (fun () -> Z.to_int (Primitives.shift_right Z.one (Z.neg (Z.shift_left Z.one 70))));
  stops (fun () -> Z.to_int (Primitives.power (Z.of_int 3) (Z.shift_left Z.one 33)))
