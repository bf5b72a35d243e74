(* A bundle directory held to its manifest: every byte handed on has been hashed. specs/format.md#bundle *)
open Words

type t = { folder : string; id : string; listed : (string, string * Z.t) Hashtbl.t; seen : (string, unit) Hashtbl.t }

let sha256 data = Sha256.to_hex (Sha256.string data)

let raw folder name =
  try
    let channel = open_in_bin (Filename.concat folder name) in
    Fun.protect
      ~finally:(fun () -> close_in_noerr channel)
      (fun () ->
        let n = in_channel_length channel in
        limit n file_bytes name "size of the file";
        really_input_string channel n)
  with Sys_error _ | End_of_file -> reject "unreadable" name "cannot be read"

(* Names and sizes of the files: two levels, plain files only. *)
let walk folder =
  let sizes = Hashtbl.create 64 in
  let kind name = try Some (Unix.lstat (Filename.concat folder name)) with Unix.Unix_error _ -> None in
  let entries path = try Sys.readdir path with Sys_error _ -> reject "unreadable" path "cannot be listed" in
  let plain name =
    limit (Hashtbl.length sizes + 1) files folder "number of files";
    match kind name with
    | Some { Unix.st_kind = Unix.S_REG; st_size; _ } -> Hashtbl.replace sizes name st_size
    | _ -> reject "extra-file" name "not a plain file"
  in
  Array.iter
    (fun name ->
      match kind name with
      | Some { Unix.st_kind = Unix.S_DIR; _ } ->
          Array.iter (fun inside -> plain (name ^ "/" ^ inside)) (entries (Filename.concat folder name))
      | _ -> plain name)
    (entries folder);
  sizes

let is_blob name = String.length name > 6 && String.sub name 0 6 = "blobs/"

(* name -> (digest, size); sorted, unique, and no other form of line. *)
let manifest data =
  need (String.length data <= files * 256) "unreadable" "manifest" "too long";
  let c = cursor "manifest" data and listed = Hashtbl.create 64 in
  let rec lines last =
    match peek c with
    | None -> listed
    | Some [ hex; bytes; name ] ->
        c.peeked <- None;
        let hex = digest c hex in
        (match String.split_on_char '/' name with
        | [ ("claim" | "claim.json" | "proof") ] -> ()
        | [ ("blobs" | "networks"); stem ] -> require c (stem = hex) "digest-mismatch" "the name is not the digest"
        | _ -> fail c "extra-file" (shown name ^ " has no place in a bundle"));
        require c (name > last) "manifest-order" "names are sorted and unique";
        Hashtbl.replace listed name (hex, integer c bytes);
        lines name
    | Some _ -> fail c "word-count" "expected digest, size and name"
  in
  lines ""

(* The bytes of a listed file. *)
let read b name =
  match Hashtbl.find_opt b.listed name with
  | None -> reject "missing-file" name "not in the bundle"
  | Some (hex, size) ->
      let data = raw b.folder name in
      need (Z.equal size (Z.of_int (String.length data)) && sha256 data = hex) "digest-mismatch" name
        "size or SHA-256 is not the one in the manifest";
      Hashtbl.replace b.seen name ();
      data

(* Hash what nothing has asked for. *)
let read_rest b wanted =
  Hashtbl.iter (fun name _ -> if wanted name && not (Hashtbl.mem b.seen name) then ignore (read b name)) b.listed

(* Files beside the tensors are hashed before anything is read into them. *)
let open_folder folder =
  let sizes = walk folder in
  limit (Hashtbl.fold (fun _ size total -> size + total) sizes 0) bundle_bytes folder "size of the bundle";
  Hashtbl.iter (fun name size -> limit size file_bytes name "size of the file") sizes;
  need (Hashtbl.mem sizes "manifest") "missing-file" folder "no manifest";
  let data = raw folder "manifest" in
  let listed = manifest data in
  Hashtbl.iter (fun name _ -> need (Hashtbl.mem sizes name) "missing-file" name "listed, but not in the bundle") listed;
  Hashtbl.iter
    (fun name _ -> need (name = "manifest" || Hashtbl.mem listed name) "extra-file" name "not in the manifest")
    sizes;
  let b = { folder; id = sha256 data; listed; seen = Hashtbl.create 64 } in
  read_rest b (fun name -> not (is_blob name));
  b
