(** Replay of one plan on one leaf: bounds of every block in turn, then bounds of the rows of the quantity.

    Bounds that cross, or a pair without a possible sign cell, say that nothing is in the leaf: [None]. Spec:
    rules.md#checking; replay.py of the other kernel, which replays many leaves at once. *)
From Coq Require Import ZArith Reals QArith List Bool String Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps plans result elaborate reading.
From Certify.rules Require Import forward backward difference quadratic conclude.
Import ListNotations.
Open Scope bool_scope.
Open Scope Z_scope.

(** What a leaf assumes: bounds of the inputs in units of 2^-scale, and signs of entries of blocks. *)
Record leaf := {
  lf_input : Z -> list Z * list Z;             (* x, after the cuts *)
  lf_hull : Z -> list Z * list Z;              (* x', the whole domain *)
  lf_ball : Z -> option ball;
  lf_signs : list (nat * nat * bool);          (* block, entry, whether it is <= 0 *)
  lf_slot : nat
}.

Section Replay.

Variable p : plan.
Variable lf : leaf.

Definition blocks : list block := pl_blocks p.

(** The ball of the block of x; there is one such block. *)
Definition region : option ball :=
  match filter (fun b => match bk_kind b with KInput false => true | _ => false end) blocks with
  | [b] => lf_ball lf (bk_scale b)
  | _ => None
  end.

Definition append (bd : bounds) (lh : list Z * list Z) : option bounds :=
  if crossed (fst lh) (snd lh) then None
  else Some {| bd_lo := bd_lo bd ++ [fst lh]; bd_hi := bd_hi bd ++ [snd lh] |}.

(** The signs that the leaf assumes of entries of block [b]. *)
Definition assume (b : nat) (bd : bounds) : option bounds :=
  let mine := filter (fun s => Nat.eqb (fst (fst s)) b) (lf_signs lf) in
  match mine with
  | [] => Some bd
  | _ =>
      let low := fold_left (fun l (s : nat * nat * bool) => if snd s then l else update (snd (fst s)) pospart 0 l) mine
        (lows bd b) in
      let high := fold_left (fun l (s : nat * nat * bool) => if snd s then update (snd (fst s)) negpart 0 l else l)
        mine (highs bd b) in
      match set_bounds bd b low high with
      | None => None
      | Some bd' => tighten blocks b bd'
      end
  end.

(** The forward image of a difference with a relation. *)
Definition pair_image (blk : block) (maps_q maps_g : list (intmap * nat)) (bd : bounds) : list Z * list Z :=
  match relation_of blk with
  | None => ([], [])
  | Some r =>
      image (pl_forward_bits p) (pl_constant_bits p) maps_q
        (constant (pl_constant_bits p) (rl_bias r) (bk_scale blk) (bk_size blk) maps_g bd) bd
  end.

(** Bounds of the next block, with the signs assumed of it. *)
Definition enclose_next (bd : bounds) : option bounds :=
  let b := List.length (bd_lo bd) in
  let blk := nth b blocks no_block in
  let maps_q := nth b (pl_forward p) [] in
  let maps_g := nth b (pl_constant p) [] in
  let found :=
    match bk_kind blk with
    | KInput second => append bd ((if second then lf_hull lf else lf_input lf) (bk_scale blk))
    | KRelu _ | KFree _ | KAffine _ =>
        append bd (forward.enclose (pl_forward_bits p) (pl_constant_bits p) blk maps_q maps_g bd)
    | KDirect _ _ _ | KPairRelu _ _ _ _ _ _ | KPairAffine _ _ _ _ =>
        difference.enclose_block blocks (pair_image blk maps_q maps_g bd) bd
    end in
  match found with None => None | Some bd' => assume b bd' end.

Definition maps_at (q : Z) : prepared := match known_bits q (pl_by_bits p) with Some m => m | None => [] end.

Definition unit_row (i : nat) (v : Z) : list Z := repeat 0 i ++ [v].

(** Lower bounds of v_i (or of -v_i) for some entries; hints of rows from [offset] on. *)
Fixpoint row_bounds (consts : list (list Z * list Z)) (maps : prepared) (q c : Z) (bd : bounds) (h : slot_rows)
    (b : nat) (positive : bool) (j : nat) (entries : list nat) : option (list (nat * Z)) :=
  match entries with
  | [] => Some []
  | i :: rest =>
      let unit := Z.shiftl 1 c in
      let row := unit_row i (if positive then unit else - unit) in
      match lower blocks consts maps q (pl_constant_bits p) region bd (hints_of h j) [(b, row)],
            row_bounds consts maps q c bd h b positive (S j) rest with
      | Some k, Some ks => Some ((i, Z.shiftr k c) :: ks)
      | _, _ => None
      end
  end.

Definition lift (l : list Z) (found : list (nat * Z)) : list Z :=
  fold_left (fun l (f : nat * Z) => update (fst f) (Z.max (snd f)) 0 l) found l.
Definition cut_down (l : list Z) (found : list (nat * Z)) : list Z :=
  fold_left (fun l (f : nat * Z) => update (fst f) (Z.min (- snd f)) 0 l) found l.

(** Constants of all blocks that have bounds. *)
Definition all_constants (bd : bounds) : list (list Z * list Z) :=
  constants (pl_constant_bits p) blocks (pl_constant p) bd.

Definition is_pair (b : nat) : bool := match pair_of (nth b blocks no_block) with Some _ => true | None => false end.

Definition sharpen (b : nat) (c q : Z) (rows : option (list nat)) (h : hint_tables) (bd : bounds) : option bounds :=
  let entries := match rows with Some l => l | None => open_entries blocks b bd end in
  let n := match rows with Some l => List.length l | None => O end in
  let found :=
    match entries with
    | [] => Some bd
    | _ =>
        let consts := all_constants bd in
        let maps := maps_at q in
        let h := rows_of_slot h (lf_slot lf) in
        match row_bounds consts maps q c bd h b true 0 entries, row_bounds consts maps q c bd h b false n entries with
        | Some ups, Some downs => set_bounds bd b (lift (lows bd b) ups) (cut_down (highs bd b) downs)
        | _, _ => None
        end
    end in
  match found with
  | None => None
  | Some bd' => if is_pair b then tighten blocks b bd' else Some bd'
  end.

Fixpoint run (steps : list step) (bd : bounds) : option bounds :=
  match steps with
  | [] => Some bd
  | SBlock _ :: rest => match enclose_next bd with None => None | Some bd' => run rest bd' end
  | SBackward b c q rows h :: rest =>
      match sharpen b c q rows h bd with None => None | Some bd' => run rest bd' end
  end.

(** ** Rows of the quantity *)

Definition div_unit (k : Z) (unit : Q) (e : Z) : Q :=
  (* -k / (unit 2^e) *)
  let v := (inject_Z (- k) / unit)%Q in
  if 0 <=? e then (v / inject_Z (2 ^ e))%Q else (v * inject_Z (2 ^ (- e)))%Q.

Definition least_q (a b : Q) : Q := if Qle_bool a b then a else b.

(** The bound of row [j] by the forms of the plan, when one is lower. *)
Fixpoint by_forms (bd : bounds) (j : nat) (on : side) (row : list Z) (unit : Q) (forms : list form) (found : Q) : option Q :=
  match forms with
  | [] => Some found
  | f :: rest =>
      if Nat.eqb (fo_row f) j then
        match quadratic.upper_bound blocks (pl_forward p) (pl_forward_bits p) bd (fo_chosen f) (fo_bits f) (fo_factor f)
                (fo_shift f) (nth (lf_slot lf) (fo_facts f) []) (nth (lf_slot lf) (fo_factors f) [])
                (match on with OnG => match pl_out_g p with Some g => g | None => pl_out_f p end | _ => pl_out_f p end)
                (match on with OnDifference => pl_out_g p | _ => None end) row with
        | None => None
        | Some (num, den) => by_forms bd j on row unit rest (least_q found (Qmake num (Z.to_pos den) / unit)%Q)
        end
      else by_forms bd j on row unit rest found
  end.

(** Forms bound rows on f, on g or on their difference. *)
Definition forms_for (on : side) : list form :=
  match on, pl_out_g p with OnBoth, _ | OnG, None => [] | _, _ => pl_forms p end.

(** Upper bounds of the rows of the quantity, in order. [Ok None]: nothing is in the leaf. *)
Fixpoint bound_rows (bd : bounds) (consts : list (list Z * list Z)) (maps : prepared) (h : slot_rows) (j : nat) (on :
  side) (unit : Q)
    (rows : list (list Z)) : result (option (list Q)) :=
  match rows with
  | [] => Ok (Some [])
  | row :: rest =>
      start <- conclude.start blocks (pl_out_f p) (pl_out_g p) on row (pl_c p);;
      let '(cs, scale) := start in
      match lower blocks consts maps (pl_q p) (pl_constant_bits p) region bd (hints_of h j) cs with
      | None => Ok None
      | Some k =>
          match by_forms bd j on row unit (forms_for on) (div_unit k unit (pl_c p + scale)) with
          | None => Reject "form"
          | Some u =>
              others <- bound_rows bd consts maps h (S j) on unit rest;;
              Ok (option_map (cons u) others)
          end
      end
  end.

Fixpoint bound_groups (bd : bounds) consts maps (h : slot_rows) (j : nat) (groups : list rows) : result (option (list Q)) :=
  match groups with
  | [] => Ok (Some [])
  | g :: rest =>
      first <- bound_rows bd consts maps h j (rw_on g) (rw_unit g) (rw_matrix g);;
      match first with
      | None => Ok None
      | Some us =>
          others <- bound_groups bd consts maps h (j + List.length (rw_matrix g)) rest;;
          Ok (option_map (app us) others)
      end
  end.

Definition replay (groups : list rows) : result (option (list Q)) :=
  match run (pl_steps p) {| bd_lo := []; bd_hi := [] |} with
  | None => Ok None
  | Some bd => bound_groups bd (all_constants bd) (maps_at (pl_q p)) (rows_of_slot (pl_hints p) (lf_slot lf)) 0 groups
  end.

End Replay.
