(* certify-rocq --gallina FOLDER: the bundle as a Rocq file whose theorem needs no extraction to be believed.

   It says that the claim holds of the bytes it lists; Rocq's own evaluation runs the checker. The files' digests and
   words are still this front end's. *)
open Kernel
module Z = Primitives.Integer
module List = Stdlib.List
module String = Stdlib.String

let nat n = Printf.sprintf "%d%%nat" n
let integer z = if Z.sign z < 0 then Printf.sprintf "(%s)%%Z" (Z.to_string z) else Z.to_string z ^ "%Z"
let truth b = if b then "true" else "false"
let list show l = "[" ^ String.concat "; " (List.map show l) ^ "]"
let option show = function None -> "None" | Some x -> Printf.sprintf "(Some %s)" (show x)
let app name arguments = "(" ^ String.concat " " (name :: arguments) ^ ")"
let ratio (a, b) = Printf.sprintf "(%s, %s)" (integer a) (integer b)
let record fields = "{| " ^ String.concat "; " (List.map (fun (k, v) -> k ^ " := " ^ v) fields) ^ " |}"
let dtype = function F2 -> "F2" | F4 -> "F4" | F8 -> "F8" | I4 -> "I4" | I8 -> "I8" | I16 -> "I16"
  | I32 -> "I32" | I64 -> "I64" | I128 -> "I128"

let tensor t =
  let bytes = "[" ^ String.concat "; " (List.map Z.to_string t.t_bytes) ^ "]%Z" in
  record [ ("t_type", dtype t.t_type); ("t_count", nat t.t_count); ("t_bytes", bytes) ]

let geometry g =
  record
    [ ("cv_groups", nat g.cv_groups); ("cv_in", nat g.cv_in); ("cv_out", nat g.cv_out);
      ("cv_spatial", list nat g.cv_spatial); ("cv_kernel", list nat g.cv_kernel);
      ("cv_strides", list nat g.cv_strides); ("cv_begins", list nat g.cv_begins); ("cv_ends", list nat g.cv_ends); ("cv_dilations", list nat g.cv_dilations) ]

let map_words = function
  | WIdentity -> "WIdentity"
  | WDense t -> app "WDense" [ nat t ]
  | WConv (t, g) -> app "WConv" [ nat t; geometry g ]
  | WSelect (t, n) -> app "WSelect" [ nat t; nat n ]
  | WScale (a, b, r) -> app "WScale" [ nat a; nat b; nat r ]

let term t =
  record
    [ ("tw_source", nat t.tw_source); ("tw_num", integer t.tw_num); ("tw_den", integer t.tw_den);
      ("tw_map", map_words t.tw_map) ]

let node = function
  | WInput (n, second) -> app "WInput" [ nat n; truth second ]
  | WAffine (n, terms, bias, r) -> app "WAffine" [ nat n; list term terms; option nat bias; nat r ]
  | WRelu (n, u) -> app "WRelu" [ nat n; nat u ]
  | WFree (n, u) -> app "WFree" [ nat n; nat u ]

let network n = record [ ("nw_nodes", list node n.nw_nodes); ("nw_output", nat n.nw_output) ]
let norm = function Linf -> "Linf" | L2 -> "L2" | L1 -> "L1"

let domain = function
  | WBox (a, b) -> app "WBox" [ nat a; nat b ]
  | WBall (n, t, k, r) -> app "WBall" [ norm n; nat t; nat k; ratio r ]
  | WPoints (t, k) -> app "WPoints" [ nat t; nat k ]

let within = function
  | WAnywhere -> "WAnywhere"
  | WWithin (a, b) -> app "WWithin" [ ratio a; ratio b ]
  | WWithinArrays (a, b) -> app "WWithinArrays" [ nat a; nat b ]

let quantity = function
  | WValue (n, m) -> app "WValue" [ norm n; truth m ]
  | WOutput j -> app "WOutput" [ nat j ]
  | WFunctional t -> app "WFunctional" [ nat t ]
  | WUpper t -> app "WUpper" [ nat t ]
  | WLeast (f, g, limits) ->
      let on = match g with GNone -> "GNone" | GOpposite -> "GOpposite" | GTensor t -> app "GTensor" [ nat t ] in
      app "WLeast" [ nat f; on; list ratio limits ]
  | WMargin t -> app "WMargin" [ nat t ]
  | WDecision t -> app "WDecision" [ nat t ]

let claim c =
  record
    [ ("cl_f", network c.cl_f); ("cl_g", option network c.cl_g); ("cl_domain", domain c.cl_domain);
      ("cl_within", within c.cl_within); ("cl_quantity", quantity c.cl_quantity); ("cl_strict", truth c.cl_strict);
      ("cl_threshold", ratio c.cl_threshold) ]

let net = function NetF -> "NetF" | NetG -> "NetG"
let rows = function RowsAll -> "RowsAll" | RowsOpen -> "RowsOpen" | RowsTensor t -> app "RowsTensor" [ nat t ]

let fact = function
  | FLower -> "FLower" | FUpper -> "FUpper" | FRange -> "FRange" | FAbove -> "FAbove" | FComplement -> "FComplement"
  | FSlope -> "FSlope" | FCrossFine -> "FCrossFine" | FCrossCoarse -> "FCrossCoarse"

let step = function
  | WNode (n, i, s) -> app "WNode" [ net n; nat i; integer s ]
  | WPairDirect (u, w, g, s) -> app "WPairDirect" [ nat u; nat w; option nat g; integer s ]
  | WPairRelu (u, w, g, s, d) -> app "WPairRelu" [ nat u; nat w; option nat g; integer s; nat d ]
  | WPairAffine (u, w, g, s, a, b, m) ->
      let one ((i, j), d) = Printf.sprintf "(%s, %s, %s)" (nat i) (nat j) (option nat d) in
      app "WPairAffine" [ nat u; nat w; option nat g; integer s; truth a; truth b; list one m ]
  | WBackward (b, c, q, r) -> app "WBackward" [ nat b; integer c; integer q; rows r ]
  | WSlopes (b, p, t) -> app "WSlopes" [ nat b; nat p; option nat t ]
  | WMultipliers (b, t) -> app "WMultipliers" [ nat b; nat t ]
  | WCoordinates (b, t) -> app "WCoordinates" [ nat b; nat t ]
  | WFact (k, b, t) -> app "WFact" [ fact k; nat b; nat t ]
  | WProduct (k, b, e, k', b', e', t) -> app "WProduct" [ fact k; nat b; nat e; fact k'; nat b'; nat e'; nat t ]
  | WQuadratic (r, a, b, c, t) -> app "WQuadratic" [ nat r; integer a; integer b; integer c; nat t ]
  | WConclude (c, q) -> app "WConclude" [ integer c; integer q ]

let plan p =
  record
    [ ("pw_blocks", nat p.pw_blocks); ("pw_forward", integer p.pw_forward); ("pw_constant", integer p.pw_constant);
      ("pw_slots", nat p.pw_slots); ("pw_steps", list step p.pw_steps) ]

let rec tree = function
  | Leaf (p, s) -> app "Leaf" [ nat p; nat s ]
  | Split (i, a, s, l, r) -> app "Split" [ nat i; integer a; integer s; tree l; tree r ]
  | Sign (n, k, i, l, r) -> app "Sign" [ net n; nat k; nat i; tree l; tree r ]
  | SignPair (f, g, i, l, r) -> app "SignPair" [ nat f; nat g; nat i; tree l; tree r ]

let proof p = record [ ("pr_plans", list plan p.pr_plans); ("pr_parts", list tree p.pr_parts) ]

let file store c p =
  String.concat "\n"
    [ "(* Made from a bundle; see proofs/README.md. *)";
      "From Coq Require Import ZArith List.";
      "From Certify Require Import syntax semantics check checked.";
      "Import ListNotations.";
      "Definition the_store : store := " ^ list tensor store ^ ".";
      "Definition the_claim : claim := " ^ claim c ^ ".";
      "Definition the_proof : proof_words := " ^ proof p ^ ".";
      "Lemma accepted : exists bounds leaves, check the_store the_claim the_proof = Accepted bounds leaves.";
      "Proof. do 2 eexists. vm_compute. reflexivity. Qed.";
      "Theorem the_claim_holds : claim_holds the_store the_claim.";
      "Proof. destruct accepted as (bounds & leaves & E). exact (check_correct _ _ _ _ _ E). Qed.";
      "Print Assumptions the_claim_holds.";
      "" ]

(* ---- statements about matrices *)

let matrix m =
  record
    [ ("mw_tensor", nat m.mw_tensor); ("mw_rows", nat m.mw_rows); ("mw_columns", nat m.mw_columns);
      ("mw_num", integer m.mw_num); ("mw_den", integer m.mw_den) ]

let argument = function
  | AMatrix m -> app "AMatrix" [ matrix m ]
  | AMatrices l -> app "AMatrices" [ list matrix l ]
  | ARational q -> app "ARational" [ ratio q ]
  | ACount n -> app "ACount" [ nat n ]
  | AInteger z -> app "AInteger" [ integer z ]

let statement store kind arguments e =
  let evidence = record [ ("ev_matrices", list matrix e.ev_matrices); ("ev_items", list (list integer) e.ev_items) ] in
  String.concat "\n"
    [ "(* Made from a bundle; see proofs/README.md. *)";
      "From Coq Require Import String ZArith List.";
      "From Certify Require Import syntax result exact kinds.";
      "Import ListNotations.";
      "Definition the_store : store := " ^ list tensor store ^ ".";
      "Definition the_words : list argument := " ^ list argument arguments ^ ".";
      "Definition the_evidence : evidence := " ^ evidence ^ ".";
      "Lemma accepted : judge_statement the_store \"" ^ kind ^ "\" the_words the_evidence = Ok tt.";
      "Proof. vm_compute. reflexivity. Qed.";
      "Theorem the_statement_holds : words_hold the_store \"" ^ kind ^ "\" the_words.";
      "Proof. exact (judge_statement_correct _ _ _ _ accepted). Qed.";
      "Print Assumptions the_statement_holds.";
      "" ]
