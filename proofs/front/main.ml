(* certify-rocq [--json | --gallina] FOLDER: the checker that Rocq proved, on a bundle directory. Exit 0 accepted, 1 rejected,
   2 declined, 64 misuse, 66 no such directory, 70 a fault. *)
open Words

let usage = "usage: certify-rocq [--json | --gallina] FOLDER"

type outcome =
  | Accepted of { id : string; bounds : (Z.t * Z.t) list; leaves : Z.t }
  | Refused of { verdict : string; code : string; place : string; text : string }

(* The store, the claim with what its rendering shows, the proof. *)
let read folder =
  let bundle = Bundle.open_folder folder in
  (* Names sort before blobs are asked for: every file but the tensors is hashed first. *)
  let store = Tensors.store bundle in
  let { Parse.claim; fields } = Parse.claim store bundle in
  need (Bundle.read bundle "claim.json" = Rendering.text fields) "rendering" "claim.json" "does not say what `claim` says";
  let proof = Parse.proof store bundle (Kernel.parts claim) in
  Bundle.read_rest bundle;
  (bundle, List.rev store.Tensors.all, claim, proof)

let judge folder =
  let bundle, store, claim, proof = read folder in
  match Kernel.check store claim proof with
  | Kernel.Accepted (bounds, leaves) -> Accepted { id = bundle.Bundle.id; bounds; leaves }
  | Kernel.Rejected code -> Refused { verdict = "rejected"; code; place = "proof"; text = "the checker says " ^ code }
  | Kernel.Declined code -> Refused { verdict = "declined"; code; place = "proof"; text = "the checker says " ^ code }

let outcome folder =
  try judge folder with
  | Words.Rejected (code, place, text) -> Refused { verdict = "rejected"; code; place; text }
  | Words.Declined (code, place, text) -> Refused { verdict = "declined"; code; place; text }
  | Stack_overflow | Out_of_memory ->
      Refused { verdict = "declined"; code = "resources"; place = folder; text = "not enough memory" }

let escaped s = String.concat "" (List.map (fun c -> if c = '"' || c = '\\' then Printf.sprintf "\\%c" c
  else if ' ' <= c && c <= '~' then String.make 1 c else Printf.sprintf "\\u%04x" (Char.code c)) (List.of_seq (String.to_seq s)))

let print_gallina folder =
  try
    let _, store, claim, proof = read folder in
    print_string (Gallina.file store claim proof);
    0
  with Words.Rejected (code, place, text) | Words.Declined (code, place, text) ->
    Printf.eprintf "%s: %s [%s]\n" place text code;
    1

let show json folder = function
  | Accepted { id; bounds; leaves } ->
      let bounds = List.map Rendering.lowest bounds in
      if json then
        Printf.printf "{\"verdict\": \"accepted\", \"kernel\": \"rocq\", \"id\": \"%s\", \"leaves\": %s, \"bounds\": [%s]}\n" id
          (Z.to_string leaves)
          (String.concat ", " (List.map (fun b -> "\"" ^ b ^ "\"") bounds))
      else Printf.printf "accepted: %s (%s leaves, id %s, kernel rocq)\n" folder (Z.to_string leaves) (String.sub id 0 16);
      0
  | Refused { verdict; code; place; text } ->
      if json then
        Printf.printf
          "{\"verdict\": \"%s\", \"kernel\": \"rocq\", \"code\": \"%s\", \"place\": \"%s\", \"reason\": \"%s\"}\n" verdict
          (escaped code) (escaped place) (escaped text)
      else Printf.printf "%s: %s: %s [%s]\n" verdict (escaped place) (escaped text) code;
      if verdict = "rejected" then 1 else 2

let () =
  let given = List.tl (Array.to_list Sys.argv) in
  let json = List.mem "--json" given and gallina = List.mem "--gallina" given in
  match List.filter (fun a -> a <> "--json" && a <> "--gallina") given with
  | [ folder ] when String.length folder > 0 && folder.[0] <> '-' ->
      if not (Sys.file_exists folder && Sys.is_directory folder) then begin
        prerr_endline (folder ^ ": no such directory");
        exit 66
      end;
      let code = try if gallina then print_gallina folder else show json folder (outcome folder) with e -> prerr_endline ("kernel fault, please report: " ^ Printexc.to_string e); 70 in
      exit code
  | _ ->
      prerr_endline usage;
      exit 64
