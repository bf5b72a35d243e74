(* A bundle directory held to its manifest: every byte handed on has been hashed. specs/format.md#bundle *)
open Words

type t = { folder : string; id : string; listed : (string, string * int) Hashtbl.t; seen : (string, unit) Hashtbl.t }

let sha256 data = Sha256.to_hex (Sha256.string data)

let raw folder name most =
  try
    let channel = open_in_bin (Filename.concat folder name) in
    Fun.protect
      ~finally:(fun () -> close_in_noerr channel)
      (fun () ->
        let n = in_channel_length channel in
        limit n most name "size of the file";
        really_input_string channel n)
  with Sys_error _ | End_of_file -> reject "unreadable" name "cannot be read"

(* Names and sizes of the files: two levels, plain files only. *)
let walk folder =
  let kind path = try Some (Unix.lstat path) with Unix.Unix_error _ -> None in
  let entries path = try Array.to_list (Sys.readdir path) with Sys_error _ -> reject "unreadable" path "cannot be listed" in
  let plain name =
    match kind (Filename.concat folder name) with
    | Some { Unix.st_kind = Unix.S_REG; st_size; _ } -> (name, st_size)
    | _ -> reject "extra-file" name "not a plain file"
  in
  List.concat_map
    (fun name ->
      match kind (Filename.concat folder name) with
      | Some { Unix.st_kind = Unix.S_DIR; _ } ->
          List.map (fun f -> plain (name ^ "/" ^ f)) (entries (Filename.concat folder name))
      | _ -> [ plain name ])
    (entries folder)

let known_name name =
  match String.split_on_char '/' name with
  | [ ("claim" | "claim.json" | "proof") ] -> true
  | [ ("blobs" | "networks"); _ ] -> true
  | _ -> false

let manifest data =
  let c = cursor "manifest" data and listed = Hashtbl.create 64 and last = ref "" in
  let rec go () =
    match peek c with
    | None -> ()
    | Some words ->
        c.peeked <- None;
        (match words with
        | [ hex; bytes; name ] ->
            require c (known_name name) "extra-file" (name ^ " has no place in a bundle");
            let hex = digest c hex in
            (match String.split_on_char '/' name with
            | [ _; stem ] -> require c (stem = hex) "digest-mismatch" "the name is not the digest"
            | _ -> ());
            require c (name > !last) "manifest-order" "names are sorted and unique";
            let n = integer c bytes in
            Hashtbl.replace listed name (hex, if Z.fits_int n then Z.to_int n else -1);
            last := name
        | _ -> fail c "word-count" "expected digest, size and name");
        go ()
  in
  go ();
  listed

let open_folder folder =
  let sizes = walk folder in
  limit (List.length sizes) files folder "number of files";
  limit (List.fold_left (fun n (_, s) -> n + s) 0 sizes) bundle_bytes folder "size of the bundle";
  List.iter (fun (name, n) -> limit n file_bytes name "size of the file") sizes;
  need (List.mem_assoc "manifest" sizes) "missing-file" folder "no manifest";
  let data = raw folder "manifest" (files * 256) in
  let listed = manifest data in
  Hashtbl.iter
    (fun name _ -> need (List.mem_assoc name sizes) "missing-file" name "listed in the manifest, not in the bundle")
    listed;
  List.iter
    (fun (name, _) -> need (name = "manifest" || Hashtbl.mem listed name) "extra-file" name "not in the manifest")
    sizes;
  { folder; id = sha256 data; listed; seen = Hashtbl.create 64 }

let read b name =
  match Hashtbl.find_opt b.listed name with
  | None -> reject "missing-file" name "not in the bundle"
  | Some (hex, size) ->
      let data = raw b.folder name file_bytes in
      need (String.length data = size && sha256 data = hex) "digest-mismatch" name
        "size or SHA-256 is not the one in the manifest";
      Hashtbl.replace b.seen name ();
      data

(* Hash what nothing has asked for. *)
let read_rest b = Hashtbl.iter (fun name _ -> if not (Hashtbl.mem b.seen name) then ignore (read b name)) b.listed
