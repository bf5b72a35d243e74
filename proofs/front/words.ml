(* The ASCII files of a bundle: lines of words, names, integers and digests. specs/format.md#ascii-files *)

(* Reason code, place, sentence. *)
exception Rejected of string * string * string
exception Declined of string * string * string

let reject code place text = raise (Rejected (code, place, text))
let need condition code place text = if not condition then reject code place text

let limit value most place what =
  if value > most then
    raise (Declined ("limit", place, Printf.sprintf "%s is %d, the limit is %d" what value most))

(* specs/format.md#limits *)
let bundle_bytes = 4 lsl 30
let file_bytes = 1 lsl 30
let files = 100_000
let line_bytes = 1 lsl 22
let line_words = 100_000
let integer_digits = 1_200
let nodes = 20_000
let blocks = 20_000
let plans = 20_000
let size = 4_000_000
let tensor_entries = 100_000_000
let spatial_axes = 4
let scale = 400
let bits = 200
let split_scale = 2_000
let depth = 1_000
let leaves = 10_000_000

(* A word as messages repeat it. *)
let shown w = if String.length w > 40 then String.sub w 0 40 else w

type cursor = {
  name : string; data : string;
  mutable at : int; mutable number : int; mutable peeked : string list option
}

let cursor name data =
  let n = String.length data in
  need (n > 0 && data.[n - 1] = '\n') "not-ascii-lines" name "the file does not end in a newline";
  { name; data; at = 0; number = 0; peeked = None }

let place c = Printf.sprintf "%s:%d" c.name c.number
let fail c code text = reject code (place c) text
let require c condition code text = if not condition then fail c code text

(* The words of the next line; None at the end of the file. *)
let peek c =
  (match c.peeked with
  | Some _ -> ()
  | None ->
      if c.at < String.length c.data then begin
        let stop = String.index_from c.data c.at '\n' in
        limit (stop - c.at) line_bytes (Printf.sprintf "%s:%d" c.name (c.number + 1)) "line length";
        let line = String.sub c.data c.at (stop - c.at) in
        c.at <- stop + 1;
        c.number <- c.number + 1;
        let words = String.split_on_char ' ' line in
        require c
          (String.for_all (fun x -> ' ' <= x && x <= '~') line && List.for_all (fun w -> w <> "") words)
          "not-ascii-lines" "words are ASCII and joined by single spaces";
        limit (List.length words) line_words (place c) "number of words";
        c.peeked <- Some words
      end);
  c.peeked

(* The next line, whose first word must be one of some. *)
let next c keywords =
  match peek c with
  | Some (w :: rest) when List.mem w keywords ->
      c.peeked <- None;
      (w, rest)
  | found ->
      let found = match found with Some (w :: _) -> shown w | _ -> "end of file" in
      fail c "unexpected-word" (Printf.sprintf "expected %s, found %s" (String.concat " or " keywords) found)

(* An integer in the one spelling the format allows. *)
let integer c w =
  let negative = String.length w > 0 && w.[0] = '-' in
  let digits = if negative then String.sub w 1 (String.length w - 1) else w in
  require c
    (digits <> "" && String.for_all (fun x -> '0' <= x && x <= '9') digits)
    "not-an-integer" (shown w ^ " is not an integer");
  if String.length digits > integer_digits then
    raise (Declined ("limit", place c, "an integer has too many digits"));
  require c (digits.[0] <> '0' || w = "0") "not-an-integer" (shown w ^ " is not in lowest form");
  Z.of_string w

let integers c words count =
  require c (List.length words = count) "word-count"
    (Printf.sprintf "expected %d numbers, found %d" count (List.length words));
  List.map (integer c) words

let digest c w =
  let hex x = ('0' <= x && x <= '9') || ('a' <= x && x <= 'f') in
  require c (String.length w = 64 && String.for_all hex w) "not-a-digest" (shown w ^ " is not a SHA-256 digest");
  w

(* A number that is an index or a size: not negative; absurdly large ones are out of every range. *)
let natural c code z =
  require c (Z.sign z >= 0 && Z.leq z (Z.of_int (1 lsl 40))) code (shown (Z.to_string z) ^ " is out of range");
  Z.to_int z

(* A natural number under a limit: beyond it the file is declined. *)
let bounded c code what most z =
  require c (Z.sign z >= 0) code (shown (Z.to_string z) ^ " is negative");
  if Z.gt z (Z.of_int most) then
    raise (Declined ("limit", place c, Printf.sprintf "%s is %s, the limit is %d" what (shown (Z.to_string z)) most));
  Z.to_int z

(* A scale or a number of bits. *)
let within_limit c what most z =
  if Z.gt (Z.abs z) (Z.of_int most) then
    raise (Declined ("limit", place c, Printf.sprintf "%s is %s, the limit is %d" what (shown (Z.to_string z)) most));
  z

let header c what =
  let _, rest = next c [ "certify-" ^ what ] in
  if rest <> [ "1" ] then raise (Declined ("version", place c, what ^ ": this kernel reads version 1"))

let finish c =
  let _, rest = next c [ "end" ] in
  require c (rest = []) "word-count" "`end` stands alone";
  require c (peek c = None) "unexpected-word" "text after `end`"
