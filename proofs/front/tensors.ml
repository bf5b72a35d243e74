(* The store: tensors of one type and digest are one tensor, whatever file names them. *)
open Words

type t = { bundle : Bundle.t; known : (string * string * int, int) Hashtbl.t; mutable all : Kernel.tensor list }

let store bundle = { bundle; known = Hashtbl.create 64; all = [] }
let types = Kernel.[ ("f2", F2); ("f4", F4); ("f8", F8); ("i4", I4); ("i8", I8); ("i16", I16); ("i32", I32);
  ("i64", I64); ("i128", I128) ]

(* One integer for each byte value: a byte of a tensor costs a list cell and nothing else. *)
let byte = Array.init 256 Z.of_int

let bytes data =
  let rec from i rest = if i < 0 then rest else from (i - 1) (byte.(Char.code data.[i]) :: rest) in
  from (String.length data - 1) []

(* What a file says of a tensor: type, count, digest, number in the store. *)
type named = { kind : string; entries : int; hex : string; number : int }

let intern s kind entries hex =
  match Hashtbl.find_opt s.known (kind, hex, entries) with
  | Some number -> number
  | None ->
      (* A tensor that nothing uses may be missing; one that is used then has the wrong size. *)
      let name = "blobs/" ^ hex and number = Hashtbl.length s.known in
      let data = if Hashtbl.mem s.bundle.Bundle.listed name then Bundle.read s.bundle name else "" in
      s.all <- Kernel.{ t_type = List.assoc kind types; t_count = entries; t_bytes = bytes data } :: s.all;
      Hashtbl.replace s.known (kind, hex, entries) number;
      number

(* The `tensor` lines at the cursor. *)
let table s c =
  let rec go acc =
    match peek c with
    | Some ("tensor" :: _) -> (
        match next c [ "tensor" ] with
        | _, [ kind; count; hex ] ->
            require c (List.mem_assoc kind types) "tensor-type" ("no tensor type " ^ shown kind);
            let count = integer c count in
            require c (Z.sign count > 0) "tensor-size" "a tensor has at least one entry";
            let entries = bounded c "tensor-size" "entries of the tensor" tensor_entries count in
            let hex = digest c hex in
            go ({ kind; entries; hex; number = intern s kind entries hex } :: acc)
        | _ -> fail c "word-count" "expected type, count and digest")
    | _ -> Array.of_list (List.rev acc)
  in
  go []

let pick c table z =
  let inside = Z.sign z >= 0 && Z.lt z (Z.of_int (Array.length table)) in
  require c inside "no-such-tensor" ("tensor " ^ shown (Z.to_string z));
  table.(Z.to_int z)

let number c table z = (pick c table z).number
