(* Claims, networks and proofs: words to the syntax that the checker knows. specs/format.md *)
open Kernel
open Words

(* Not the extracted modules of these names. *)
module Z = Primitives.Integer
module List = Stdlib.List
module String = Stdlib.String
module Option = Stdlib.Option

let pick = Tensors.number

(* The number of no tensor: no store is as large. *)
let no_tensor = 1 lsl 40

(* ---- networks *)

(* Products of sizes within their limits, kept from passing the largest int: beyond any limit they need not be right. *)
let product = List.fold_left (fun a b -> min (a * b) (1 lsl 36)) 1

let conv c table numbers =
  match numbers with
  | t :: groups :: cin :: cout :: d :: rest -> (
      let t = Tensors.pick c table t in
      let small z = bounded c "shape" "a conv number" size z in
      let d = bounded c "word-count" "spatial axes" spatial_axes d in
      require c (d >= 1 && List.length rest = 6 * d) "word-count" "wrong number of conv numbers";
      let rec slices l = if l = [] then [] else Primitives.take d l :: slices (Primitives.drop d l) in
      match slices (List.map small rest) with
      | [ spatial; kernel; strides; begins; ends; dilations ] ->
          let g =
            { cv_groups = small groups; cv_in = small cin; cv_out = small cout; cv_spatial = spatial;
              cv_kernel = kernel; cv_strides = strides; cv_begins = begins; cv_ends = ends; cv_dilations = dilations }
          in
          require c
            (List.for_all (fun n -> n >= 1) ((g.cv_groups :: spatial) @ kernel @ strides @ dilations))
            "shape" "a conv number is out of range";
          let outs = conv_outputs g in
          limit (product (kernel @ outs)) tensor_entries (place c) "positions that the kernel joins";
          let factors = List.map Z.of_int (g.cv_out :: (g.cv_in / g.cv_groups) :: kernel) in
          let weights = List.fold_left Z.mul Z.one factors in
          require c (Z.equal weights (Z.of_int t.Tensors.entries)) "shape" "the weights do not make this kernel";
          limit (max (product (g.cv_in :: spatial)) (product (g.cv_out :: outs))) size (place c) "size of the image";
          WConv (t.number, g)
      | _ -> fail c "word-count" "wrong number of conv numbers")
  | _ -> fail c "word-count" "wrong number of conv numbers"

let map_words c table kind numbers =
  let count = List.length numbers in
  match (kind, numbers) with
  | "identity", [] -> WIdentity
  | "dense", [ t ] -> WDense (pick c table t)
  | "select", [ t; n ] -> let t = pick c table t in WSelect (t, natural c "shape" n)
  | "scale", [ lo; hi; r ] ->
      let lo = pick c table lo in
      let hi = pick c table hi in
      WScale (lo, hi, natural c "shape" r)
  | "conv", _ when count >= 10 && count <= 64 -> conv c table numbers
  | ("identity" | "dense" | "select" | "scale" | "conv"), _ -> fail c "word-count" "wrong number of numbers for the map"
  | _ -> fail c "no-such-map" ("no linear map " ^ shown kind)

let denominator c d = require c (Z.sign d > 0) "denominator" "a denominator is at least 1"

let term c table =
  match next c [ "term" ] with
  | _, source :: num :: den :: kind :: numbers ->
      let source = natural c "no-such-node" (integer c source) in
      let tw_num = integer c num and tw_den = integer c den in
      denominator c tw_den;
      { tw_source = source; tw_num; tw_den; tw_map = map_words c table kind (List.map (integer c) numbers) }
  | _ -> fail c "word-count" "a term names source, num, den and a map"

let node c table =
  let keyword, words = next c [ "input"; "affine"; "relu"; "free" ] in
  let sized z = bounded c "shape" "size of the node" size z in
  match (keyword, integers c words (if keyword = "affine" then 4 else 2)) with
  | "affine", [ n; count; bias; repeat ] ->
      let n = sized n in
      let count = bounded c "shape" "number of terms" nodes count in
      let bias = if Z.equal bias Z.minus_one then None else Some (pick c table bias) in
      let repeat = natural c "shape" repeat in
      let rec terms k = if k = 0 then [] else let t = term c table in t :: terms (k - 1) in
      WAffine (n, terms count, bias, repeat)
  | "input", [ n; role ] ->
      require c (Z.equal role Z.zero || Z.equal role Z.one) "role" "an input has role 0 or 1";
      WInput (sized n, Z.equal role Z.one)
  | "relu", [ n; source ] -> let n = sized n in WRelu (n, natural c "no-such-node" source)
  | _, [ n; source ] -> let n = sized n in WFree (n, natural c "no-such-node" source)
  | _ -> fail c "word-count" "a node has a size and a source"

let network store name data =
  let c = cursor name data in
  header c "network";
  let table = Tensors.table store c in
  let rec go n acc =
    match peek c with
    | Some (w :: _) when w <> "output" ->
        limit (n + 1) nodes (place c) "number of nodes";
        go (n + 1) (node c table :: acc)
    | _ -> List.rev acc
  in
  let nw_nodes = go 0 [] in
  let _, words = next c [ "output" ] in
  let nw_output = match integers c words 1 with [ z ] -> natural c "no-such-node" z | _ -> assert false in
  finish c;
  { nw_nodes; nw_output }

(* ---- claims; beside the claim, what its rendering shows *)

type claim_file = { claim : Kernel.claim; f : string; g : string; fields : Rendering.json }

let norm c = function
  | "linf" -> Linf | "l2" -> L2 | "l1" -> L1
  | w -> fail c "no-such-norm" ("no norm " ^ shown w)

let ratio c num den = denominator c den; (num, den)

let one_word c keyword =
  match next c [ keyword ] with _, [ w ] -> w | _ -> fail c "word-count" ("one word after " ^ keyword)

let version c keyword known =
  let code = if keyword = "rules" then "version" else keyword in
  if one_word c keyword <> known then raise (Declined (code, place c, "this kernel knows " ^ known))

let domain c table =
  let tensor w = Tensors.pick c table (integer c w) in
  let counted w = let z = integer c w in
    require c (Z.sign z > 0) "empty-domain" "a domain has at least one part";
    bounded c "empty-domain" "parts of the domain" size z in
  let open Rendering in
  match next c [ "domain" ] with
  | _, [ "box"; lo; hi ] ->
      let lo = tensor lo in
      let hi = tensor hi in
      ( WBox (lo.Tensors.number, hi.number),
        Object [ ("hi", Tensor hi); ("kind", Text "box"); ("lo", Tensor lo); ("parts", Number Z.one) ] )
  | _, [ "ball"; n; t; count; num; den ] ->
      let kind = norm c n in
      let parts = counted count in
      let num = integer c num and den = integer c den in
      denominator c den;
      require c (Z.sign num >= 0) "negative-radius" "a radius is not negative";
      let t = tensor t in
      ( WBall (kind, t.Tensors.number, parts, (num, den)),
        Object [ ("centres", Tensor t); ("kind", Text "ball"); ("norm", Text n); ("parts", Number (Z.of_int parts));
                 ("radius", rational (num, den)) ] )
  | _, [ "points"; t; count ] ->
      let parts = counted count in
      let t = tensor t in
      ( WPoints (t.Tensors.number, parts),
        Object [ ("centres", Tensor t); ("kind", Text "points"); ("parts", Number (Z.of_int parts)) ] )
  | _ -> fail c "unexpected-word" "no such form of domain"

let within c table =
  let open Rendering in
  match next c [ "within"; "within-arrays"; "anywhere" ] with
  | "within", words -> (
      match integers c words 4 with
      | [ a; b; d; e ] ->
          let lo = ratio c a b and hi = ratio c d e in
          (WWithin (lo, hi), Object [ ("hi", rational hi); ("lo", rational lo) ])
      | _ -> assert false)
  | "within-arrays", [ lo; hi ] ->
      let lo = Tensors.pick c table (integer c lo) in
      let hi = Tensors.pick c table (integer c hi) in
      (WWithinArrays (lo.Tensors.number, hi.number), Object [ ("hi", Tensor hi); ("lo", Tensor lo) ])
  | "anywhere", [] -> (WAnywhere, Null)
  | _ -> fail c "word-count" "wrong number of words"

let quantity c table =
  let open Rendering in
  let tensor w = Tensors.pick c table (integer c w) in
  let of_kind kind rest = Object (("kind", Text kind) :: rest) in
  match next c [ "quantity" ] with
  | _, [ "value"; n; modulo ] ->
      let kind = norm c n and m = integer c modulo in
      require c (Z.equal m Z.zero || Z.equal m Z.one) "unexpected-word" "modulo mean is 0 or 1";
      let m = Z.equal m Z.one in
      (WValue (kind, m), of_kind "value" [ ("modulo-mean", Truth m); ("norm", Text n) ])
  | _, [ "output"; j ] ->
      let z = integer c j in
      (WOutput (natural c "index-range" z), of_kind "output" [ ("index", Number z) ])
  | _, [ (("functional" | "upper" | "margin" | "decision") as kind); t ] ->
      let t = tensor t in
      let made =
        match kind with
        | "functional" -> WFunctional t.Tensors.number
        | "upper" -> WUpper t.number
        | "margin" -> WMargin t.number
        | _ -> WDecision t.number
      in
      (made, of_kind kind [ ((if kind = "functional" || kind = "upper" then "row" else "labels"), Tensor t) ])
  | _, "least" :: f :: g :: limits when limits <> [] && List.length limits mod 2 = 0 ->
      let rec pairs = function a :: b :: t -> let r = ratio c (integer c a) (integer c b) in r :: pairs t | _ -> [] in
      let limits = pairs limits in
      let f = tensor f in
      let on_g, shown =
        match integer c g with
        | z when Z.equal z Z.minus_one -> (GNone, Null)
        | z when Z.equal z (Z.of_int (-2)) -> (GOpposite, Text "opposite")
        | z -> let t = Tensors.pick c table z in (GTensor t.Tensors.number, Tensor t)
      in
      ( WLeast (f.Tensors.number, on_g, limits),
        of_kind "least" [ ("minus", List (List.map rational limits)); ("on-f", Tensor f); ("on-g", shown) ] )
  | _ -> fail c "unexpected-word" "no such form of quantity"

let claim store bundle =
  let c = cursor "claim" (Bundle.read bundle "claim") in
  header c "claim";
  version c "rules" "1";
  version c "semantics" "real";
  let table = Tensors.table store c in
  let f = digest c (one_word c "f") in
  let g = match one_word c "g" with "zero" -> None | w -> Some (digest c w) in
  let shown_g = Option.value g ~default:"zero" in
  let read hex = let name = "networks/" ^ hex in network store name (Bundle.read bundle name) in
  let cl_f = read f in
  let cl_g = Option.map read g in
  let cl_domain, shown_domain = domain c table in
  let cl_within, shown_within = within c table in
  let cl_quantity, shown_quantity = quantity c table in
  let relation, words = next c [ "at-most"; "below" ] in
  let cl_threshold = match integers c words 2 with [ n; d ] -> ratio c n d | _ -> assert false in
  finish c;
  let fields =
    Rendering.(Object
      [ ("domain", shown_domain); ("f", Text f); ("format", Number Z.one); ("g", Text shown_g);
        ("quantity", shown_quantity); ("relation", Text relation); ("rules", Number Z.one); ("semantics", Text "real");
        ("threshold", rational cl_threshold); ("within", shown_within) ])
  in
  let claim = { cl_f; cl_g; cl_domain; cl_within; cl_quantity; cl_strict = relation = "below"; cl_threshold } in
  { claim; f; g = shown_g; fields }

(* ---- proofs *)

let facts =
  [ ("lower", FLower); ("upper", FUpper); ("range", FRange); ("above", FAbove); ("complement", FComplement);
    ("slope", FSlope); ("cross-fine", FCrossFine); ("cross-coarse", FCrossCoarse) ]

let net c = function "f" -> NetF | "g" -> NetG | _ -> fail c "no-such-node" "a network is f or g"
let block c z = natural c "no-such-block" z
let scaled c z = within_limit c "scale" scale z

(* A pair is at least as fine as its two blocks, whose scales are within the limit. *)
let pair_scale c z =
  require c (Z.geq z (Z.of_int (-scale))) "scale" "a pair is coarser than its blocks";
  scaled c z

(* A pair of relus has the scale of the pair of their sources. *)
let inner_scale c z =
  require c (Z.leq z (Z.of_int scale)) "pair" "no pair has this scale";
  pair_scale c z

let bit_count c z = bounded c "bits" "number of bits" bits z |> Z.of_int
let optional_tensor c table z = if Z.equal z Z.minus_one then None else Some (pick c table z)
(* Slopes and multipliers that a later line replaces are read by nobody: a wrong tensor is wrong when it is used. *)
let hint table z =
  if Z.sign z >= 0 && Z.lt z (Z.of_int (Array.length table)) then table.(Z.to_int z).Tensors.number else no_tensor

let flag c z = require c (Z.equal z Z.zero || Z.equal z Z.one) "word-count" "0 or 1"; Z.equal z Z.one

let rec matches c = function
  | [] -> []
  | t :: t' :: d :: rest ->
      let inner = if Z.equal d Z.minus_one then None else Some (block c d) in
      let first = (natural c "match" t, natural c "match" t') in
      (first, inner) :: matches c rest
  | _ -> fail c "word-count" "wrong number of matches"

let step c table word rest =
  let numbers k = integers c rest k in
  match (word, rest) with
  | "node", [ n; i; s ] ->
      let i = integer c i and s = integer c s in
      WNode (net c n, natural c "no-such-node" i, scaled c s)
  | "node", _ -> fail c "word-count" "expected a network, a node and a scale"
  | "pair-direct", _ -> (
      match numbers 4 with
      | [ u; w; s; k ] ->
          let sigma = optional_tensor c table s in
          WPairDirect (block c u, block c w, sigma, pair_scale c k)
      | _ -> assert false)
  | "pair-relu", _ -> (
      match numbers 5 with
      | [ u; w; s; k; d ] ->
          let sigma = optional_tensor c table s in
          WPairRelu (block c u, block c w, sigma, inner_scale c k, block c d)
      | _ -> assert false)
  | "pair-affine", _ -> (
      match List.map (integer c) rest with
      | u :: w :: s :: k :: eu :: ew :: n :: more ->
          let three_times = Z.mul n (Z.of_int 3) in
          require c (Z.equal three_times (Z.of_int (List.length more))) "word-count" "wrong number of matches";
          let sigma = optional_tensor c table s in
          WPairAffine (block c u, block c w, sigma, pair_scale c k, flag c eu, flag c ew, matches c more)
      | _ -> fail c "word-count" "too few numbers for pair-affine")
  | "backward", _ -> (
      match numbers 4 with
      | [ b; k; q; rows ] ->
          let rows =
            if Z.equal rows Z.minus_one then RowsAll
            else if Z.equal rows (Z.of_int (-2)) then RowsOpen
            else RowsTensor (pick c table rows)
          in
          WBackward (block c b, bit_count c k, bit_count c q, rows)
      | _ -> assert false)
  | "slopes", _ -> (
      match numbers 3 with
      | [ b; p; t ] -> WSlopes (block c b, hint table p, if Z.equal t Z.minus_one then None else Some (hint table t))
      | _ -> assert false)
  | "multipliers", _ -> ( match numbers 2 with [ b; t ] -> WMultipliers (block c b, hint table t) | _ -> assert false)
  | "coordinates", _ -> ( match numbers 2 with [ b; t ] -> WCoordinates (block c b, pick c table t) | _ -> assert false)
  | "fact", kind :: numbers when List.mem_assoc kind facts -> (
      match integers c numbers 2 with
      | [ b; t ] -> WFact (List.assoc kind facts, block c b, pick c table t)
      | _ -> assert false)
  | "product", [ k; b; e; k'; b'; e'; t ] when List.mem_assoc k facts && List.mem_assoc k' facts -> (
      match integers c [ b; e; b'; e'; t ] 5 with
      | [ b; e; b'; e'; t ] ->
          let entries = pick c table e and entries' = pick c table e' in
          WProduct (List.assoc k facts, block c b, entries, List.assoc k' facts, block c b', entries', pick c table t)
      | _ -> assert false)
  | ("fact" | "product"), _ -> fail c "hint" "expected a kind of fact and numbers"
  | "quadratic", _ -> (
      match numbers 5 with
      | [ row; b; f; s; t ] ->
          let t = pick c table t in
          let row = natural c "hint" row in
          let b = bit_count c b in
          let f = Z.sub (bit_count c (Z.add b f)) b in
          WQuadratic (row, b, f, bit_count c s, t)
      | _ -> assert false)
  | _ -> ( match numbers 2 with [ k; q ] -> WConclude (bit_count c k, bit_count c q) | _ -> assert false)

let steps =
  [ "node"; "pair-direct"; "pair-relu"; "pair-affine"; "backward"; "slopes"; "multipliers"; "coordinates"; "fact";
    "product"; "quadratic"; "conclude" ]

(* Slots tell rows of hints apart. A plan with this many has no hints, and which slot a leaf names says nothing. *)
let many_slots = 1 lsl 40

let hinted = function WSlopes _ | WMultipliers _ | WFact _ | WProduct _ | WQuadratic _ -> true | _ -> false

let plan c table =
  match next c [ "plan" ] with
  | _, words -> (
      match integers c words 4 with
      | [ count; forward; constant; slots ] ->
          let pw_blocks = bounded c "word-count" "number of blocks" blocks count in
          let pw_forward = bit_count c forward in
          let pw_constant = bit_count c constant in
          require c (Z.sign slots > 0) "no-such-slot" "a plan has at least one slot";
          let pw_slots = Z.to_int (Z.min slots (Z.of_int (many_slots + 1))) in
          let rec go found acc =
            let word, rest = next c steps in
            let is_block = List.mem word [ "node"; "pair-direct"; "pair-relu"; "pair-affine" ] in
            let found = if is_block then found + 1 else found in
            limit found blocks (place c) "number of blocks";
            let acc = step c table word rest :: acc in
            if word = "conclude" then List.rev acc else go found acc
          in
          let pw_steps = go 0 [] in
          (* So many rows are in no tensor: said here, where numbers have no end. *)
          let fits = pw_slots <= tensor_entries || not (List.exists hinted pw_steps) in
          require c fits "hint" "not one row for each slot";
          (slots, { pw_blocks; pw_forward; pw_constant; pw_slots; pw_steps })
      | _ -> assert false)

(* slots: how many each plan has, whatever their size. *)
let rec tree c slots count level =
  let under () =
    limit (level + 1) depth (place c) "depth of splits";
    let below = tree c slots count (level + 1) in
    (below, tree c slots count (level + 1))
  in
  match next c [ "split"; "sign"; "sign-pair"; "leaf" ] with
  | "leaf", words -> (
      match integers c words 2 with
      | [ p; s ] ->
          let p = natural c "no-such-plan" p in
          require c (p < Array.length slots) "no-such-plan" "there are fewer plans";
          require c (Z.sign s >= 0 && Z.lt s slots.(p)) "no-such-slot" "the plan has fewer slots";
          incr count;
          limit !count leaves (place c) "number of leaves";
          Leaf (p, Z.to_int (Z.min s (Z.of_int many_slots)))
      | _ -> assert false)
  | "split", words -> (
      match integers c words 3 with
      | [ i; at; s ] ->
          let i = natural c "index-range" i and s = within_limit c "scale of the split" split_scale s in
          let below, above = under () in
          Split (i, at, s, below, above)
      | _ -> assert false)
  | "sign", n :: words -> (
      match integers c words 2 with
      | [ k; i ] ->
          let n = net c n in
          let k = natural c "no-such-node" k and i = natural c "index-range" i in
          let below, above = under () in
          Sign (n, k, i, below, above)
      | _ -> assert false)
  | "sign-pair", words -> (
      match integers c words 3 with
      | [ f; g; i ] ->
          let f = natural c "no-such-node" f and g = natural c "no-such-node" g and i = natural c "index-range" i in
          let below, above = under () in
          SignPair (f, g, i, below, above)
      | _ -> assert false)
  | _ -> fail c "word-count" "wrong number of words"

let proof store bundle part_count =
  let c = cursor "proof" (Bundle.read bundle "proof") in
  header c "proof";
  let table = Tensors.table store c in
  let rec go n acc =
    match peek c with
    | Some ("plan" :: _) ->
        limit (n + 1) plans (place c) "number of plans";
        go (n + 1) (plan c table :: acc)
    | _ -> List.rev acc
  in
  let slots, pr_plans = List.split (go 0 []) in
  let slots = Array.of_list slots in
  let count = ref 0 in
  let rec parts k =
    if k = part_count then []
    else
      let _, words = next c [ "part" ] in
      let found = match integers c words 1 with [ z ] -> z | _ -> assert false in
      require c (Z.equal found (Z.of_int k)) "part-order" (Printf.sprintf "expected part %d" k);
      let t = tree c slots count 0 in
      t :: parts (k + 1)
  in
  let pr_parts = parts 0 in
  finish c;
  { pr_plans; pr_parts }
