(** From the lines of a plan to blocks and steps: everything a plan says is validated against the graph here; the rules
    then run without looking back. Spec: format.md#proof, rules.md#blocks and #difference; proof.py, forms.py. *)
From Coq Require Import ZArith List Bool String.
From Certify Require Import vectors syntax floats maps map_rules map_differences plans semantics result graph.
Import ListNotations.
Open Scope bool_scope.
Open Scope Z_scope.

(** ** Maps and constants of the graph, decoded once *)

(** An enclosure [lo, hi] 2^-h of a vector. *)
Definition enclosure := (list Z * list Z * Z)%type.

Definition indices_at (s : store) (t n : nat) : result (list Z) :=
  l <- get "tensor" (integers (tensor_at s t));;
  _ <- need "index-range" (forallb (fun i => (-1 <=? i) && (i <? Z.of_nat n)) l);;
  Ok l.

Definition fixed_scale (s : store) (lo hi r : nat) : result fixedmap :=
  a <- get "tensor" (fixed (tensor_at s lo));;
  let '(lo1, hi1, h1) := a in
  if Nat.eqb lo hi then Ok {| fm_pattern := PDiag r; fm_lo := lo1; fm_hi := hi1; fm_h := h1 |} else
  b <- get "tensor" (fixed (tensor_at s hi));;
  let '(lo2, hi2, h2) := b in
  let bits := common_bits lo1 hi1 h1 lo2 hi2 h2 in
  let low := fst (coarsened lo1 hi1 h1 bits) in
  let high := snd (coarsened lo2 hi2 h2 bits) in
  _ <- need "scale-order" (forallb (fun b => b) (map2 Z.leb low high));;
  Ok {| fm_pattern := PDiag r; fm_lo := low; fm_hi := high; fm_h := bits |}.

Definition identity_map (n : nat) : fixedmap :=
  {| fm_pattern := PDiag 1; fm_lo := repeat 1 n; fm_hi := repeat 1 n; fm_h := 0 |}.

Definition fixed_map (s : store) (n_in n_out : nat) (m : map_words) : result fixedmap :=
  let of p t := x <- get "tensor" (fixed (tensor_at s t));;
                let '(lo, hi, h) := x in Ok {| fm_pattern := p; fm_lo := lo; fm_hi := hi; fm_h := h |} in
  match m with
  | WIdentity => Ok (identity_map n_in)
  | WDense t => of (PDense n_out n_in) t
  | WConv t g => of (PConv g) t
  | WSelect t n => l <- indices_at s t n;; Ok {| fm_pattern := PSelect l n; fm_lo := [1]; fm_hi := [1]; fm_h := 0 |}
  | WScale lo hi r => fixed_scale s lo hi r
  end.

Definition repeated (times : nat) (l : list Z) : list Z :=
  if Nat.eqb times 1 then l else flat_map (fun a => repeat a times) l.

Definition fixed_bias (s : store) (bias : option nat) (times : nat) : result (option enclosure) :=
  match bias with
  | None => Ok None
  | Some t => x <- get "tensor" (fixed (tensor_at s t));;
              let '(lo, hi, h) := x in Ok (Some (repeated times lo, repeated times hi, h))
  end.

(** A node's maps and bias; a failure counts only where a plan uses the node. *)
Record decoded := { dc_maps : list (result fixedmap); dc_bias : result (option enclosure) }.

Definition decode_node (s : store) (g : list node_words) (n : node_words) : decoded :=
  match n with
  | WAffine size terms bias times =>
      {| dc_maps := map (fun t => fixed_map s (size_at g (tw_source t)) size (tw_map t)) terms;
         dc_bias := fixed_bias s bias times |}
  | _ => {| dc_maps := []; dc_bias := Ok None |}
  end.

(** ** Plans being built *)

(** Blocks so far; for each its node and the number of its selection's tensor; the block of each node. *)
Record building := {
  bu_blocks : list block; bu_nodes : list (option nat); bu_keys : list (option nat); bu_at : list (nat * nat)
}.
Definition nothing : building := {| bu_blocks := []; bu_nodes := []; bu_keys := []; bu_at := [] |}.

Record context := { ct_store : store; ct_claim : claim; ct_graph : graph; ct_decoded : list decoded }.

Definition no_decoded : decoded := {| dc_maps := []; dc_bias := Ok None |}.
Definition local_of (ct : context) (n : net_name) : list nat :=
  match n with NetF => gr_f (ct_graph ct) | NetG => match gr_g (ct_graph ct) with Some l => l | None => [] end end.
Definition node_of (ct : context) (i : nat) : node_words := nth i (gr_nodes (ct_graph ct)) (WRelu 0 0).

Definition block_of (bu : building) (node : nat) : result nat := get "no-such-block" (lookup node (bu_at bu)).
Definition block_at (bu : building) (b : nat) : result block := get "no-such-block" (nth_error (bu_blocks bu) b).
Definition scale_at (bu : building) (b : nat) : Z := bk_scale (nth b (bu_blocks bu) no_block).

Definition add_block (bu : building) (b : block) (node key : option nat) : building :=
  {| bu_blocks := bu_blocks bu ++ [b]; bu_nodes := bu_nodes bu ++ [node]; bu_keys := bu_keys bu ++ [key];
     bu_at := match node with None => bu_at bu | Some n => (n, List.length (bu_blocks bu)) :: bu_at bu end |}.

Definition make_term (bu : building) (scale : Z) (f : fixedmap) (num den : Z) (source : nat) : rterm :=
  {| rt_map := f; rt_num := num; rt_den := den; rt_source := source; rt_shift := scale - scale_at bu source |}.

(** A term of an affine node as a plan sees it: words (they are its identity), inputs and outputs, map, scalar, source block. *)
Record viewed := { vw_words : map_words; vw_in : nat; vw_out : nat; vw_map : fixedmap; vw_num : Z; vw_den : Z;
  vw_source : nat }.

Fixpoint view_terms (ct : context) (bu : building) (size : nat) (terms : list term_words) (maps : list (result fixedmap)) :
    result (list viewed) :=
  match terms, maps with
  | t :: terms', m :: maps' =>
      f <- m;;
      b <- block_of bu (tw_source t);;
      rest <- view_terms ct bu size terms' maps';;
      Ok ({| vw_words := tw_map t; vw_in := size_at (gr_nodes (ct_graph ct)) (tw_source t); vw_out := size;
             vw_map := f; vw_num := tw_num t; vw_den := tw_den t; vw_source := b |} :: rest)
  | _, _ => Ok []
  end.

Definition relation_terms (bu : building) (scale : Z) (vs : list viewed) : list rterm :=
  map (fun v => make_term bu scale (vw_map v) (vw_num v) (vw_den v) (vw_source v)) vs.

(** `node f|g I SCALE` *)
Definition read_node (ct : context) (bu : building) (n : net_name) (i : nat) (scale : Z) : result building :=
  at_ <- get "no-such-node" (nth_error (local_of ct n) i);;
  _ <- need "block-twice" (match lookup at_ (bu_at bu) with None => true | Some _ => false end);;
  let node := node_of ct at_ in
  let make k := {| bk_kind := k; bk_size := node_size node; bk_scale := scale; bk_delta := 0 |} in
  match node with
  | WInput _ second => Ok (add_block bu (make (KInput second)) (Some at_) None)
  | WRelu _ u | WFree _ u =>
      b <- block_of bu u;;
      _ <- need "scale" (scale_at bu b =? scale);;
      Ok (add_block bu (make (if is_free node then KFree b else KRelu b)) (Some at_) None)
  | WAffine size terms _ _ =>
      let d := nth at_ (ct_decoded ct) no_decoded in
      vs <- view_terms ct bu size terms (dc_maps d);;
      bias <- dc_bias d;;
      Ok (add_block bu (make (KAffine {| rl_terms := relation_terms bu scale vs; rl_bias := bias |})) (Some at_) None)
  end.

(** ** Differences *)

(** What every pair line says of u, w, the selection and the scale: (fine, coarse, selection). *)
Definition read_pair (ct : context) (bu : building) (u w : nat) (sigma : option nat) (scale : Z) :
    result (block * block * option (list Z)) :=
  fine <- block_at bu u;;
  coarse <- block_at bu w;;
  _ <- need "pair" (negb (Nat.eqb u w) && match nth u (bu_nodes bu) None, nth w (bu_nodes bu) None with
                                          | Some _, Some _ => true | _, _ => false end);;
  _ <- need "scale" ((bk_scale fine =? bk_scale coarse) && (bk_scale coarse <=? scale));;
  match sigma with
  | None => _ <- need "pair" (Nat.eqb (bk_size fine) (bk_size coarse));; Ok (fine, coarse, None)
  | Some t =>
      l <- indices_at (ct_store ct) t (bk_size coarse);;
      _ <- need "pair" (Nat.eqb (List.length l) (bk_size fine));;
      Ok (fine, coarse, Some l)
  end.

Definition pair_block (k : kind) (fine : block) (scale : Z) : block :=
  {| bk_kind := k; bk_size := bk_size fine; bk_scale := scale; bk_delta := scale - bk_scale fine |}.

Definition option_nat_eqb (a b : option nat) : bool :=
  match a, b with None, None => true | Some x, Some y => Nat.eqb x y | _, _ => false end.

Definition read_pair_direct ct bu u w sigma scale : result building :=
  p <- read_pair ct bu u w sigma scale;;
  let '(fine, _, l) := p in
  Ok (add_block bu (pair_block (KDirect u w l) fine scale) None sigma).

Definition read_pair_relu ct bu u w sigma scale (inner : nat) : result building :=
  p <- read_pair ct bu u w sigma scale;;
  let '(fine, coarse, l) := p in
  within_ <- block_at bu inner;;
  match bk_kind fine, bk_kind coarse, pair_of within_ with
  | KRelu x, KRelu y, Some (x', y', _) =>
      _ <- need "pair" (Nat.eqb x x' && Nat.eqb y y' && option_nat_eqb (nth inner (bu_keys bu) None) sigma
                        && (bk_scale within_ =? scale));;
      Ok (add_block bu (pair_block (KPairRelu u w l inner x y) fine scale) None sigma)
  | _, _, _ => Reject "pair"
  end.

(** The terms of a block, or the identity of itself; with the bias and what identifies it. *)
Definition view (ct : context) (bu : building) (b : nat) (expand : bool) :
    result (list viewed * option enclosure * option (nat * nat)) :=
  at_ <- get "pair" (nth b (bu_nodes bu) None);;
  let n := node_of ct at_ in
  if expand then
    match n with
    | WAffine size terms bias times =>
        let d := nth at_ (ct_decoded ct) no_decoded in
        vs <- view_terms ct bu size terms (dc_maps d);;
        beta <- dc_bias d;;
        Ok (vs, beta, option_map (fun t => (t, times)) bias)
    | _ => Reject "match"
    end
  else
    let size := node_size n in
    Ok ([{| vw_words := WIdentity; vw_in := size; vw_out := size; vw_map := identity_map size;
            vw_num := 1; vw_den := 1; vw_source := b |}], None, None).

(** Words of one map: padding behind counts only by the outputs that it makes, as in the other kernel's keys. *)
Definition same_words (a b : map_words) : bool :=
  match a, b with
  | WConv t g, WConv t' g' => Nat.eqb t t' && same_pattern (PConv g) (PConv g')
  | _, _ => if map_eq_dec a b then true else false
  end.

Definition same_map (a b : viewed) : bool :=
  same_words (vw_words a) (vw_words b)
  && Nat.eqb (vw_in a) (vw_in b) && Nat.eqb (vw_out a) (vw_out b).

(** M x - S M' y with x - S' y = d':  M d' + (M S' - S M') y. *)
Definition match_terms (bu : building) (scale : Z) (sigma : option (list Z)) (a b : viewed) (inner : option nat) :
    result (list rterm) :=
  _ <- need "match" ((vw_num a =? vw_num b) && (vw_den a =? vw_den b));;
  first <- (match inner with
            | None => _ <- need "match" (Nat.eqb (vw_source a) (vw_source b));; Ok ([], None)
            | Some p =>
                pb <- block_at bu p;;
                match pair_of pb with
                | Some (u, w, s) =>
                    _ <- need "match" (Nat.eqb u (vw_source a) && Nat.eqb w (vw_source b));;
                    Ok ([make_term bu scale (vw_map a) (vw_num a) (vw_den a) p], s)
                | None => Reject "match"
                end
            end);;
  let '(here, sigma_in) := first in
  let n := bk_size (nth (vw_source b) (bu_blocks bu) no_block) in
  left <- get "unsupported-difference" (difference_map (same_map a b) (vw_map a) (vw_map b) sigma_in sigma n);;
  match left with
  | None => Ok here
  | Some f => Ok (here ++ [make_term bu scale f (vw_num a) (vw_den a) (vw_source b)])
  end.

(** Matches in order; (terms, used indices of u, used indices of w). *)
Fixpoint match_all (bu : building) (scale : Z) (sigma : option (list Z)) (us ws : list viewed)
    (matches : list (nat * nat * option nat)) (used_u used_w : list nat) :
    result (list rterm * list nat * list nat) :=
  match matches with
  | [] => Ok ([], used_u, used_w)
  | (i, j, inner) :: rest =>
      a <- get "match" (nth_error us i);;
      b <- get "match" (nth_error ws j);;
      _ <- need "match" (negb (existsb (Nat.eqb i) used_u) && negb (existsb (Nat.eqb j) used_w));;
      here <- match_terms bu scale sigma a b inner;;
      others <- match_all bu scale sigma us ws rest (i :: used_u) (j :: used_w);;
      let '(terms, uu, uw) := others in
      Ok (here ++ terms, uu, uw)
  end.

(** Terms whose index is not used. *)
Fixpoint unmatched (i : nat) (used : list nat) (vs : list viewed) : list viewed :=
  match vs with
  | [] => []
  | v :: t => if existsb (Nat.eqb i) used then unmatched (S i) used t else v :: unmatched (S i) used t
  end.

Fixpoint negated_terms (bu : building) (scale : Z) (sigma : option (list Z)) (vs : list viewed) : result (list rterm) :=
  match vs with
  | [] => Ok []
  | v :: t =>
      f <- get "unsupported-difference" (gathered_map (vw_map v) sigma);;
      rest <- negated_terms bu scale sigma t;;
      Ok (make_term bu scale f (- vw_num v) (vw_den v) (vw_source v) :: rest)
  end.

Definition gather_z (sigma : option (list Z)) (l : list Z) : list Z :=
  match sigma with None => l | Some index => map (nthz 0 l) index end.

(** b - S c in fixed point. *)
Definition minus_bias (a b : option enclosure) (sigma : option (list Z)) : option enclosure :=
  match b with
  | None => a
  | Some (lo2, hi2, h2) =>
      let nlo := map Z.opp (gather_z sigma hi2) in
      let nhi := map Z.opp (gather_z sigma lo2) in
      match a with
      | None => Some (nlo, nhi, h2)
      | Some (lo, hi, h) =>
          let bits := common_bits lo hi h nlo nhi h2 in
          let '(lo, hi) := coarsened lo hi h bits in
          let '(nlo, nhi) := coarsened nlo nhi h2 bits in
          Some (map2 Z.add lo nlo, map2 Z.add hi nhi, bits)
      end
  end.

Definition same_bias (sigma : option (list Z)) (a b : option (nat * nat)) : bool :=
  match sigma, a, b with
  | None, None, None => true
  | None, Some (t, n), Some (t', n') => Nat.eqb t t' && Nat.eqb n n'
  | _, _, _ => false
  end.

Definition read_pair_affine ct bu u w sigma scale (expand_u expand_w : bool) matches : result building :=
  p <- read_pair ct bu u w sigma scale;;
  let '(fine, coarse, l) := p in
  vu <- view ct bu u expand_u;;
  vw <- view ct bu w expand_w;;
  let '(us, bias_u, key_u) := vu in
  let '(ws, bias_w, key_w) := vw in
  m <- match_all bu scale l us ws matches [] [];;
  let '(terms, used_u, used_w) := m in
  rest <- negated_terms bu scale l (unmatched 0 used_w ws);;
  let all := terms ++ relation_terms bu scale (unmatched 0 used_u us) ++ rest in
  all <- match all with
         | [] => match us with
                 | v :: _ => Ok [make_term bu scale (vw_map v) 0 1 (vw_source v)]
                 | [] => Reject "match"
                 end
         | _ => Ok all
         end;;
  let bias := if same_bias l key_u key_w then None else minus_bias bias_u bias_w l in
  Ok (add_block bu (pair_block (KPairAffine u w l {| rl_terms := all; rl_bias := bias |}) fine scale) None sigma).
