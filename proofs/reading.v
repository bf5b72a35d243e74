(** From the words of a plan to a plan: lines in order, hints checked for their size, integer maps prepared.
    Spec: format.md#proof; proof.py and forms.py of the other kernel. *)
From Coq Require Import ZArith List Bool String.
From Certify Require Import vectors syntax floats maps plans semantics result graph elaborate.
From Certify.rules Require Import quadratic.
Import ListNotations.
Open Scope bool_scope.
Open Scope Z_scope.

(** ** Hints *)

(** Rows of coefficients for each slot. *)
Definition table := list (list (list Z)).

Record hint_tables := { ht_slopes : list (nat * (table * table)); ht_multipliers : list (nat * table) }.

(** The tables of a tensor with [slots] x [rows] rows of [size] entries. *)
Definition read_table (s : store) (t slots rows size : nat) : result table :=
  l <- get "tensor" (integers (tensor_at s t));;
  _ <- need "hint" (Nat.eqb (List.length l) (slots * rows * size));;
  Ok (chunk slots rows (chunk (slots * rows) size l)).

Definition is_relu (b : block) : bool := match bk_kind b with KRelu _ => true | _ => false end.
Definition is_pair_relu (b : block) : bool := match bk_kind b with KPairRelu _ _ _ _ _ _ => true | _ => false end.

Fixpoint read_slopes (s : store) (blocks : list block) (slots rows : nat) (l : list (nat * (nat * option nat))) :
    result (list (nat * (table * table))) :=
  match l with
  | [] => Ok []
  | (b, (tp, th)) :: rest =>
      let blk := nth b blocks no_block in
      p <- read_table s tp slots rows (bk_size blk);;
      t <- match th with
           | None => _ <- need "hint" (is_relu blk);; Ok []
           | Some t => _ <- need "hint" (is_pair_relu blk);; read_table s t slots rows (bk_size blk)
           end;;
      others <- read_slopes s blocks slots rows rest;;
      Ok ((b, (p, t)) :: others)
  end.

Fixpoint read_multipliers (s : store) (blocks : list block) (slots rows : nat) (l : list (nat * nat)) :
    result (list (nat * table)) :=
  match l with
  | [] => Ok []
  | (b, t) :: rest =>
      m <- read_table s t slots rows (bk_size (nth b blocks no_block));;
      others <- read_multipliers s blocks slots rows rest;;
      Ok ((b, m) :: others)
  end.

Definition read_hints s blocks slots rows slopes mults : result hint_tables :=
  a <- read_slopes s blocks slots rows slopes;;
  b <- read_multipliers s blocks slots rows mults;;
  Ok {| ht_slopes := a; ht_multipliers := b |}.

(** The rows of one slot. *)
Record slot_rows := { sr_slopes : list (nat * (list (list Z) * list (list Z)));
  sr_multipliers : list (nat * list (list Z)) }.

Definition rows_of_slot (h : hint_tables) (slot : nat) : slot_rows :=
  let at_ (t : table) := nth slot t [] in
  {| sr_slopes := map (fun p => (fst p, (at_ (fst (snd p)), at_ (snd (snd p))))) (ht_slopes h);
     sr_multipliers := map (fun p => (fst p, at_ (snd p))) (ht_multipliers h) |}.

(** The hints of functional [j]. *)
Definition hints_of (r : slot_rows) (j : nat) : hints :=
  let at_ (t : list (list Z)) := nth j t [] in
  {| hn_slopes := map (fun p => (fst p, (at_ (fst (snd p)), at_ (snd (snd p))))) (sr_slopes r);
     hn_multipliers := map (fun p => (fst p, at_ (snd p))) (sr_multipliers r) |}.

(** ** Plans *)

Inductive step :=
| SBlock (b : nat)
| SBackward (b : nat) (c q : Z) (rows : option (list nat)) (h : hint_tables).     (* None: those whose sign is open *)

(** One quadratic bound: facts with multipliers, and factors, for each slot. *)
Record form := {
  fo_row : nat; fo_bits : Z; fo_factor : Z; fo_shift : Z; fo_chosen : list (nat * list Z);
  fo_facts : list (list fact); fo_factors : list (list (list Z))
}.

Record plan := {
  pl_building : building; pl_forward_bits : Z; pl_constant_bits : Z;
  pl_forward : prepared; pl_constant : prepared; pl_by_bits : list (Z * prepared);
  pl_slots : nat; pl_steps : list step; pl_forms : list form;
  pl_c : Z; pl_q : Z; pl_hints : hint_tables;
  pl_out_f : nat; pl_out_g : option nat
}.

Definition pl_blocks (p : plan) : list block := bu_blocks (pl_building p).

(** What the lines read so far have left to those that follow. *)
Record reading := {
  rd_bu : building; rd_steps : list step;                       (* steps in reverse *)
  rd_slopes : list (nat * (nat * option nat)); rd_multipliers : list (nat * nat);
  rd_chosen : list (nat * list Z); rd_facts : list (list fact); rd_forms : list form   (* facts: for each slot, in order; none yet: [] *)
}.

Fixpoint put {A} (b : nat) (a : A) (l : list (nat * A)) : list (nat * A) :=
  match l with
  | [] => [(b, a)]
  | (k, v) :: t => if Nat.eqb k b then (k, a) :: t else (k, v) :: put b a t
  end.

Definition add_read (r : reading) (bu : building) : reading :=
  {| rd_bu := bu; rd_steps := SBlock (List.length (bu_blocks (rd_bu r))) :: rd_steps r;
     rd_slopes := rd_slopes r; rd_multipliers := rd_multipliers r;
     rd_chosen := rd_chosen r; rd_facts := rd_facts r; rd_forms := rd_forms r |}.

Fixpoint distinct (l : list nat) : bool :=
  match l with [] => true | x :: t => negb (existsb (Nat.eqb x) t) && distinct t end.

(** Entries of a block to tighten. *)
Definition read_rows (s : store) (size : nat) (r : rows_words) : result (option (list nat)) :=
  match r with
  | RowsAll => Ok (Some (seq 0 size))
  | RowsOpen => Ok None
  | RowsTensor t =>
      l <- indices_at s t size;;
      let rows := map Z.to_nat l in
      _ <- need "index-range" (forallb (fun i => 0 <=? i) l && distinct rows);;
      Ok (Some rows)
  end.

Definition is_nil {A} (l : list A) : bool := match l with [] => true | _ => false end.

(** ** Lines of rule quadratic: coordinates, facts, products, forms *)

Definition has_coordinates (b : block) : bool :=
  match bk_kind b with KInput _ | KRelu _ | KFree _ | KPairRelu _ _ _ _ _ _ => true | _ => false end.

Definition has_fact (k : fact_name) (b : block) : bool :=
  match k with
  | FLower | FUpper | FRange => true
  | FAbove | FComplement => is_relu b
  | FSlope | FCrossFine | FCrossCoarse => is_pair_relu b
  end.

Definition is_linear (k : fact_name) : bool := match k with FLower | FUpper | FAbove => true | _ => false end.

Definition count_coordinates (chosen : list (nat * list Z)) : Z :=
  1 + fold_left (fun n p => n + Z.of_nat (List.length (filter (fun k => negb (k =? 0)) (snd p)))) chosen 0.

Definition coordinate_limit : Z := 4000.

Definition read_coordinates (s : store) (r : reading) (b t : nat) : result reading :=
  blk <- block_at (rd_bu r) b;;
  _ <- need "hint" (has_coordinates blk);;
  l <- get "tensor" (integers (tensor_at s t));;
  _ <- need "hint" (Nat.eqb (List.length l) (bk_size blk) && forallb (fun k => (0 <=? k) && (k <=? 2)) l);;
  let chosen := put b l (rd_chosen r) in
  if coordinate_limit <? count_coordinates chosen then Decline "limit" else
  Ok {| rd_bu := rd_bu r; rd_steps := rd_steps r; rd_slopes := rd_slopes r; rd_multipliers := rd_multipliers r;
        rd_chosen := chosen; rd_facts := rd_facts r; rd_forms := rd_forms r |}.

(** Multipliers of a fact, a row for each slot. *)
Definition read_slots (s : store) (t slots n : nat) : result (list (list Z)) :=
  l <- get "tensor" (integers (tensor_at s t));;
  _ <- need "hint" (Nat.eqb (List.length l) (slots * n));;
  Ok (chunk slots n l).

Definition with_facts (r : reading) (f : list fact) : reading :=
  {| rd_bu := rd_bu r; rd_steps := rd_steps r; rd_slopes := rd_slopes r; rd_multipliers := rd_multipliers r;
     rd_chosen := rd_chosen r; rd_forms := rd_forms r;
     rd_facts := match rd_facts r with [] => map (fun x => [x]) f | l => map2 (fun l x => l ++ [x]) l f end |}.

Definition read_fact (s : store) (slots : nat) (r : reading) (k : fact_name) (b t : nat) : result reading :=
  blk <- block_at (rd_bu r) b;;
  _ <- need "hint" (has_fact k blk);;
  ms <- read_slots s t slots (bk_size blk);;
  Ok (with_facts r (map (Fact k b) ms)).

Definition read_entries (s : store) (r : reading) (k : fact_name) (b t : nat) : result (list nat) :=
  blk <- block_at (rd_bu r) b;;
  _ <- need "hint" (is_linear k && has_fact k blk);;
  l <- indices_at s t (bk_size blk);;
  _ <- need "index-range" (forallb (fun i => 0 <=? i) l);;
  Ok (map Z.to_nat l).

Definition read_product (s : store) (slots : nat) (r : reading) k b e k' b' e' t : result reading :=
  es <- read_entries s r k b e;;
  es' <- read_entries s r k' b' e';;
  _ <- need "hint" (Nat.eqb (List.length es) (List.length es'));;
  ms <- read_slots s t slots (List.length es);;
  Ok (with_facts r (map (Product k b es k' b' es') ms)).

(** Rows of the lower half of a matrix. *)
Fixpoint lower_half (i n : nat) (l : list Z) : list (list Z) :=
  match n with O => [] | S m => firstn i l :: lower_half (S i) m (skipn i l) end.

Definition read_form (s : store) (rows slots : nat) (both_sides : bool) (r : reading) (row : nat) (bits factor shift : Z)
    (t : nat) : result reading :=
  let n := Z.to_nat (count_coordinates (rd_chosen r)) in
  _ <- need "hint" (negb both_sides && (row <? rows)%nat);;
  _ <- need "bits" ((0 <=? bits) && (0 <=? bits + factor) && (0 <=? shift));;
  ls <- read_slots s t slots (n * (n + 1) / 2);;
  let f := {| fo_row := row; fo_bits := bits; fo_factor := factor; fo_shift := shift; fo_chosen := rd_chosen r;
              fo_facts := rd_facts r; fo_factors := map (lower_half 1 n) ls |} in
  Ok {| rd_bu := rd_bu r; rd_steps := rd_steps r; rd_slopes := rd_slopes r; rd_multipliers := rd_multipliers r;
        rd_chosen := rd_chosen r; rd_facts := []; rd_forms := rd_forms r ++ [f] |}.

(** ** Lines in order *)

Definition both_sides (c : claim) : bool :=
  match cl_quantity c with WLeast _ (GTensor _) _ => true | _ => false end.

Definition prepare_all (bits : Z) (blocks : list block) : result prepared :=
  fold_right (fun b r => m <- get "pattern" (prepare_block bits b);; ms <- r;; Ok (m :: ms)) (Ok []) blocks.

Fixpoint known_bits (q : Z) (l : list (Z * prepared)) : option prepared :=
  match l with [] => None | (k, p) :: t => if k =? q then Some p else known_bits q t end.

(** Maps for every number of bits that backward passes use. *)
Fixpoint prepare_steps (blocks : list block) (qs : list Z) (l : list (Z * prepared)) : result (list (Z * prepared)) :=
  match qs with
  | [] => Ok l
  | q :: rest =>
      match known_bits q l with
      | Some _ => prepare_steps blocks rest l
      | None => p <- prepare_all q blocks;; prepare_steps blocks rest ((q, p) :: l)
      end
  end.

Definition bits_of (s : step) : list Z := match s with SBackward _ _ q _ _ => [q] | SBlock _ => [] end.

Section Reading.

Variable ct : context.
Variable rows : nat.                 (* of the quantity *)
Variable words : plan_words.

Let s := ct_store ct.
Let slots := pw_slots words.

Definition finish (r : reading) (c q : Z) : result plan :=
  let bu := rd_bu r in
  _ <- need "bits" ((0 <=? c) && (0 <=? q) && (0 <=? pw_forward words) && (0 <=? pw_constant words));;
  _ <- need "word-count" (Nat.eqb (List.length (bu_blocks bu)) (pw_blocks words));;
  h <- read_hints s (bu_blocks bu) slots rows (rd_slopes r) (rd_multipliers r);;
  f <- block_of bu (gr_out_f (ct_graph ct));;
  g <- match gr_out_g (ct_graph ct) with None => Ok None | Some o => b <- block_of bu o;; Ok (Some b) end;;
  let steps := rev (rd_steps r) in
  forward <- prepare_all (pw_forward words) (bu_blocks bu);;
  constant <- prepare_all (pw_constant words) (bu_blocks bu);;
  by_bits <- prepare_steps (bu_blocks bu) (q :: flat_map bits_of steps) [];;
  _ <- need "bits" (forallb (fun p => 0 <=? fst p) by_bits);;
  Ok {| pl_building := bu; pl_forward_bits := pw_forward words; pl_constant_bits := pw_constant words;
        pl_forward := forward; pl_constant := constant; pl_by_bits := by_bits;
        pl_slots := slots; pl_steps := steps; pl_forms := rd_forms r; pl_c := c; pl_q := q; pl_hints := h;
        pl_out_f := f; pl_out_g := g |}.

Definition complete (r : reading) : result unit :=
  need "word-count" (Nat.eqb (List.length (bu_blocks (rd_bu r))) (pw_blocks words)).

Definition read_backward (r : reading) (b : nat) (c q : Z) (rs : rows_words) : result reading :=
  blk <- block_at (rd_bu r) b;;
  _ <- need "bits" ((0 <=? c) && (0 <=? q));;
  chosen <- read_rows s (bk_size blk) rs;;
  h <- match chosen with
       | None => _ <- need "hint" (is_nil (rd_slopes r) && is_nil (rd_multipliers r));;
                 Ok {| ht_slopes := []; ht_multipliers := [] |}
       | Some l => read_hints s (bu_blocks (rd_bu r)) slots (2 * List.length l) (rd_slopes r) (rd_multipliers r)
       end;;
  Ok {| rd_bu := rd_bu r; rd_steps := SBackward b c q chosen h :: rd_steps r; rd_slopes := []; rd_multipliers := [];
        rd_chosen := rd_chosen r; rd_facts := rd_facts r; rd_forms := rd_forms r |}.

Definition read_step (r : reading) (w : step_words) : result reading :=
  let blocks x := bu <- x;; Ok (add_read r bu) in
  let bu := rd_bu r in
  match w with
  | WNode n i scale => blocks (read_node ct bu n i scale)
  | WPairDirect u w sigma scale => blocks (read_pair_direct ct bu u w sigma scale)
  | WPairRelu u w sigma scale inner => blocks (read_pair_relu ct bu u w sigma scale inner)
  | WPairAffine u w sigma scale eu ew ms => blocks (read_pair_affine ct bu u w sigma scale eu ew ms)
  | WBackward b c q rs => read_backward r b c q rs
  | WSlopes b p t =>
      _ <- block_at bu b;;
      Ok {| rd_bu := bu; rd_steps := rd_steps r; rd_slopes := put b (p, t) (rd_slopes r);
            rd_multipliers := rd_multipliers r; rd_chosen := rd_chosen r; rd_facts := rd_facts r; rd_forms := rd_forms r |}
  | WMultipliers b t =>
      _ <- block_at bu b;;
      Ok {| rd_bu := bu; rd_steps := rd_steps r; rd_slopes := rd_slopes r;
            rd_multipliers := put b t (rd_multipliers r); rd_chosen := rd_chosen r; rd_facts := rd_facts r;
            rd_forms := rd_forms r |}
  | WCoordinates b t => _ <- complete r;; read_coordinates s r b t
  | WFact k b t => _ <- complete r;; read_fact s slots r k b t
  | WProduct k b e k' b' e' t => _ <- complete r;; read_product s slots r k b e k' b' e' t
  | WQuadratic row bits factor shift t =>
      _ <- complete r;; read_form s rows slots (both_sides (ct_claim ct)) r row bits factor shift t
  | WConclude _ _ => Reject "unexpected-word"
  end.

Fixpoint read_steps (r : reading) (l : list step_words) : result plan :=
  match l with
  | [] => Reject "unexpected-word"
  | [WConclude c q] => finish r c q
  | w :: rest => r' <- read_step r w;; read_steps r' rest
  end.

Definition read_plan : result plan :=
  _ <- need "no-such-slot" (1 <=? slots)%nat;;
  read_steps {| rd_bu := nothing; rd_steps := []; rd_slopes := []; rd_multipliers := []; rd_chosen := [];
                rd_facts := []; rd_forms := [] |} (pw_steps words).

End Reading.
