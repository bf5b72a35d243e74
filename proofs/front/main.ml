(* certify-rocq [--json | --gallina] FOLDER: the checker that Rocq proved, on a bundle directory. Exit 0 accepted,
   1 rejected, 2 declined; 64 misuse, 66 no such directory, 70 a fault: none of these is a verdict. *)
open Words

let usage = "usage: certify-rocq [--json | --gallina] FOLDER"

(* ---- judging *)

let rendered bundle fields =
  need (Bundle.read bundle "claim.json" = Rendering.text fields) "rendering" "claim.json" "does not say what `claim` says"

type input = { bundle : Bundle.t; file : Parse.claim_file; store : Kernel.tensor list; proof : Kernel.proof_words }

let read bundle =
  let store = Tensors.store bundle in
  let file = Parse.claim store bundle in
  rendered bundle file.Parse.fields;
  let proof = Parse.proof store bundle (Kernel.parts file.claim) in
  Bundle.read_rest bundle (fun _ -> true);
  { bundle; file; store = List.rev store.Tensors.all; proof }

(* What is reported, as JSON fields in order; a list of texts is a list of bounds. *)
type field = Text of string | Number of string | Texts of string list

let refusal verdict code place reason =
  (verdict, [ ("code", Text code); ("place", Text place); ("reason", Text reason) ])

let says code = Printf.sprintf "the checker says %s" code

(* A statement about matrices: tensors, the statement, the evidence for it. *)
let read_statement bundle =
  let store = Tensors.store bundle in
  let file = Statement.claim store bundle in
  rendered bundle file.Statement.fields;
  let evidence = Statement.evidence store bundle in
  Bundle.read_rest bundle (fun _ -> true);
  (List.rev store.Tensors.all, file, evidence)

let is_statement bundle = Statement.is_statement (Bundle.read bundle "claim")

let judge_statement bundle now =
  let store, file, evidence = read_statement bundle in
  now ();
  match Kernel.judge_statement store file.kind file.arguments evidence with
  | Kernel.Ok () ->
      ( "accepted",
        [ ("id", Text bundle.Bundle.id); ("leaves", Number "1"); ("statement", Text file.kind); ("bounds", Texts []) ] )
  | Kernel.Reject code -> refusal "rejected" code "proof" (says code)
  | Kernel.Decline code -> refusal "declined" code "proof" (says code)

let judge folder now =
  try
    let bundle = Bundle.open_folder folder in
    if is_statement bundle then judge_statement bundle now else
    let i = read bundle in
    now ();
    match Kernel.check i.store i.file.Parse.claim i.proof with
    | Kernel.Accepted (bounds, leaves) ->
        ( "accepted",
          [ ("id", Text i.bundle.Bundle.id); ("leaves", Number (Z.to_string leaves)); ("f", Text i.file.f);
            ("g", Text i.file.g); ("bounds", Texts (List.map Rendering.lowest bounds)) ] )
    | Kernel.Rejected code -> refusal "rejected" code "proof" ("the checker says " ^ code)
    | Kernel.Declined code -> refusal "declined" code "proof" ("the checker says " ^ code)
  with
  | Rejected (code, place, text) -> refusal "rejected" code place text
  | Declined (code, place, text) -> refusal "declined" code place text
  | Stack_overflow | Out_of_memory -> refusal "declined" "resources" folder "more memory is needed than there is"

(* ---- telling *)

(* A hostile file name must not write lines of its own. *)
let escaped s =
  let one c =
    if c = '"' || c = '\\' then Printf.sprintf "\\%c" c
    else if ' ' <= c && c <= '~' then String.make 1 c
    else Printf.sprintf "\\u%04x" (Char.code c)
  in
  String.concat "" (List.map one (List.of_seq (String.to_seq s)))

let quoted s = "\"" ^ escaped s ^ "\""

let json fields =
  let value = function
    | Text s -> quoted s
    | Number s -> s
    | Texts l -> "[" ^ String.concat ", " (List.map quoted l) ^ "]"
  in
  "{" ^ String.concat ", " (List.map (fun (k, v) -> quoted k ^ ": " ^ value v) fields) ^ "}"

let sentence folder verdict fields =
  let text k = match List.assoc k fields with Text s | Number s -> s | Texts _ -> "" in
  if verdict = "accepted" then
    Printf.sprintf "accepted by the rocq kernel: %s (%s leaves, id %s)" (escaped folder) (text "leaves")
      (String.sub (text "id") 0 16)
  else
    let place = escaped (text "place") and reason = escaped (text "reason") in
    Printf.sprintf "%s by the rocq kernel: %s: %s [%s]" verdict place reason (text "code")

let check as_json folder =
  let start = Unix.gettimeofday () in
  let replaying = ref start in
  let verdict, fields = judge folder (fun () -> replaying := Unix.gettimeofday ()) in
  let stop = Unix.gettimeofday () in
  let ms a b = Printf.sprintf "%.0f" (1000. *. (b -. a)) in
  let replayed = if !replaying = start then stop else !replaying in
  let times = Printf.sprintf "{\"read\": %s, \"replay\": %s}" (ms start replayed) (ms replayed stop) in
  let said = [ ("certificate", folder); ("kernel", "rocq"); ("arithmetic", "zarith"); ("verdict", verdict) ] in
  let head = List.map (fun (k, v) -> (k, Text v)) said and tail = [ ("milliseconds", Number times) ] in
  print_endline (if as_json then json (head @ fields @ tail) else sentence folder verdict fields);
  match verdict with "accepted" -> 0 | "rejected" -> 1 | _ -> 2

(* The bundle as a Rocq file. *)
let gallina folder =
  try
    let bundle = Bundle.open_folder folder in
    let text =
      if is_statement bundle then
        let store, file, evidence = read_statement bundle in
        Gallina.statement store file.kind file.arguments evidence
      else
        let i = read bundle in
        Gallina.file i.store i.file.Parse.claim i.proof
    in
    print_string text;
    0
  with Rejected (code, place, text) | Declined (code, place, text) ->
    prerr_endline (Printf.sprintf "%s: %s [%s]" (escaped place) (escaped text) code);
    1

let run job folder =
  if not (Sys.file_exists folder && Sys.is_directory folder) then begin
    prerr_endline (folder ^ ": no such directory");
    66
  end
  else
    try job folder
    with e ->
      prerr_endline ("kernel fault, please report: " ^ Printexc.to_string e);
      70

let () =
  (* The checker recurses over long lists, and every minor collection goes over the whole stack: let there be few. *)
  Gc.set { (Gc.get ()) with minor_heap_size = 1 lsl 23; space_overhead = 200 };
  exit
    (match List.tl (Array.to_list Sys.argv) with
    | [ "--json"; folder ] -> run (check true) folder
    | [ "--gallina"; folder ] -> run gallina folder
    | [ folder ] when folder <> "" && folder.[0] <> '-' -> run (check false) folder
    | _ ->
        prerr_endline usage;
        64)
