(* claim.json: the claim as one line of canonical JSON; the bundle's file must equal it. specs/claim-json.md *)

type json =
  | Null
  | Truth of bool
  | Number of Z.t
  | Text of string
  | Tensor of Tensors.named
  | List of json list
  | Object of (string * json) list (* keys sorted *)

let lowest (num, den) =
  let g = Z.gcd num den in
  if Z.equal g Z.zero then "0/1" else Z.to_string (Z.div num g) ^ "/" ^ Z.to_string (Z.div den g)

let rational r = Text (lowest r)

let rec text = function
  | Null -> "null"
  | Truth b -> if b then "true" else "false"
  | Number z -> Z.to_string z
  | Text s -> "\"" ^ s ^ "\""
  | Tensor t ->
      Printf.sprintf "{\"count\":%d,\"dtype\":\"%s\",\"sha256\":\"%s\"}" t.Tensors.entries t.kind t.hex
  | List l -> "[" ^ String.concat "," (Stdlib.List.map text l) ^ "]"
  | Object fields ->
      let sorted = Stdlib.List.sort (fun (a, _) (b, _) -> compare a b) fields in
      "{" ^ String.concat "," (Stdlib.List.map (fun (k, v) -> Printf.sprintf "\"%s\":%s" k (text v)) sorted) ^ "}"
