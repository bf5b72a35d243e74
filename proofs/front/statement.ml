(* Statements about matrices and their evidence: words to the syntax that the checker knows. specs/statements.md *)
open Words

(* The `matrix` lines at the cursor, with their renderings. *)
let table c tensors =
  let line () =
    match integers c (snd (next c [ "matrix" ])) 5 with
    | [ t; rows; columns; num; den ] ->
        let tensor = Tensors.pick c tensors t in
        require c (Z.sign den > 0) "denominator" "a denominator is at least 1";
        require c (Z.sign rows > 0 && Z.sign columns > 0) "shape" "a matrix has rows and columns";
        let side what z = bounded c "shape" what size z in
        let rows = side "rows" rows and columns = side "columns" columns in
        limit (rows * columns) tensor_entries (place c) "entries of the matrix";
        require c (tensor.Tensors.entries = rows * columns) "shape" "the tensor does not make this matrix";
        let words =
          Kernel.{ mw_tensor = tensor.number; mw_rows = rows; mw_columns = columns; mw_num = num; mw_den = den }
        in
        let count n = Rendering.Number (Z.of_int n) in
        let shown =
          Rendering.(Object
            [ ("columns", count columns); ("rows", count rows); ("tensor", Tensor tensor);
              ("times", rational (num, den)) ])
        in
        (words, shown)
    | _ -> assert false
  in
  let rec go acc = match peek c with Some ("matrix" :: _) -> go (line () :: acc) | _ -> Array.of_list (List.rev acc) in
  go []

let pick c matrices z =
  let inside = Z.sign z >= 0 && Z.lt z (Z.of_int (Array.length matrices)) in
  require c inside "no-such-matrix" ("matrix " ^ shown (Z.to_string z));
  matrices.(Z.to_int z)

(* One argument and what is left of the numbers. *)
let argument c matrices sort numbers =
  match (sort, numbers) with
  | Kernel.SMatrix, k :: rest ->
      let m, json = pick c matrices k in
      (Kernel.AMatrix m, json, rest)
  | Kernel.SMatrices, k :: rest ->
      require c (Z.sign k > 0) "word-count" "a list of matrices has one at least";
      require c (Z.leq k (Z.of_int (List.length rest))) "word-count" "too few numbers";
      let n = Z.to_int k in
      let found = List.map (pick c matrices) (Primitives.take n rest) in
      (Kernel.AMatrices (List.map fst found), Rendering.List (List.map snd found), Primitives.drop n rest)
  | Kernel.SRational, num :: den :: rest ->
      require c (Z.sign den > 0) "denominator" "a denominator is at least 1";
      (Kernel.ARational (num, den), Rendering.rational (num, den), rest)
  | Kernel.SCount, n :: rest ->
      let count = bounded c "negative-count" "a count" size n in
      (Kernel.ACount count, Rendering.Number n, rest)
  | Kernel.SInteger, n :: rest -> (Kernel.AInteger n, Rendering.Number n, rest)
  | _ -> fail c "word-count" "too few numbers"

type file = { kind : string; arguments : Kernel.argument list; fields : Rendering.json }

let is_statement data = String.starts_with ~prefix:"certify-statement " data

let claim store bundle =
  let c = cursor "claim" (Bundle.read bundle "claim") in
  header c "statement";
  Parse.version c "rules" "1";
  let matrices = table c (Tensors.table store c) in
  match next c [ "statement" ] with
  | _, kind :: words ->
      let signature =
        match List.assoc_opt kind Kernel.signatures with
        | Some s -> s
        | None -> raise (Declined ("no-such-kind", place c, "kind " ^ shown kind ^ "; this kernel does not know it"))
      in
      let rec read numbers = function
        | [] ->
            require c (numbers = []) "word-count" "too many numbers";
            []
        | (name, sort) :: more ->
            let argument, json, rest = argument c matrices sort numbers in
            (argument, (name, json)) :: read rest more
      in
      let found = read (List.map (integer c) words) signature in
      finish c;
      let one = Rendering.Number Z.one in
      let shown = Rendering.Object (List.map snd found) in
      let fields = Rendering.Object [ ("format", one); ("of", shown); ("rules", one); ("statement", Text kind) ] in
      { kind; arguments = List.map fst found; fields }
  | _ -> raise (Declined ("no-such-kind", place c, "no kind of statement"))

let evidence store bundle =
  let c = cursor "proof" (Bundle.read bundle "proof") in
  header c "evidence";
  let matrices = table c (Tensors.table store c) in
  let rec items n acc =
    match peek c with
    | Some ("item" :: _) ->
        limit (n + 1) leaves (place c) "number of items";
        let _, words = next c [ "item" ] in
        items (n + 1) (List.rev (List.rev_map (integer c) words) :: acc)
    | _ -> List.rev acc
  in
  let ev_items = items 0 [] in
  finish c;
  Kernel.{ ev_matrices = List.map fst (Array.to_list matrices); ev_items }
