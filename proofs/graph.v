(** One graph of both networks: equal nodes of f and g are one node. Spec: semantics.md, network.py of the other kernel.

    Two nodes are equal when they apply the same operator, with the same tensors, to equal nodes: then they have the
    same value at every input. Free nodes are choices of their own and equal nothing. A graph is a list of nodes whose
    sources are earlier nodes of the graph. *)
From Coq Require Import ZArith Reals List Bool String Lia.
From Certify Require Import vectors syntax floats maps plans semantics result.
Import ListNotations.
Open Scope bool_scope.

(** ** Equality of nodes *)

Definition nats_eqb (a b : list nat) : bool := if list_eq_dec Nat.eq_dec a b then true else false.

Definition geometry_eq_dec (a b : conv_geometry) : {a = b} + {a <> b}.
Proof. decide equality; try apply (list_eq_dec Nat.eq_dec); apply Nat.eq_dec. Defined.

Definition map_eq_dec (a b : map_words) : {a = b} + {a <> b}.
Proof. decide equality; try apply Nat.eq_dec; apply geometry_eq_dec. Defined.

Definition term_eq_dec (a b : term_words) : {a = b} + {a <> b}.
Proof. decide equality; try apply Z.eq_dec; try apply Nat.eq_dec; apply map_eq_dec. Defined.

Definition node_eq_dec (a b : node_words) : {a = b} + {a <> b}.
Proof.
  decide equality; try apply Nat.eq_dec; try apply Bool.bool_dec; try apply (list_eq_dec term_eq_dec).
  decide equality; apply Nat.eq_dec.
Defined.

Definition is_free (n : node_words) : bool := match n with WFree _ _ => true | _ => false end.

(** What a map is: padding behind a convolution counts only by the outputs that it makes, as in the other kernel's keys. *)
Definition map_key (m : map_words) : map_words :=
  match m with
  | WConv t g => WConv t {| cv_groups := cv_groups g; cv_in := cv_in g; cv_out := cv_out g; cv_spatial := cv_spatial g;
                            cv_kernel := cv_kernel g; cv_strides := cv_strides g; cv_begins := cv_begins g;
                            cv_ends := conv_outputs g; cv_dilations := cv_dilations g |}
  | _ => m
  end.

Definition term_key (t : term_words) : term_words :=
  {| tw_source := tw_source t; tw_num := tw_num t; tw_den := tw_den t; tw_map := map_key (tw_map t) |}.

Definition node_key (n : node_words) : node_words :=
  match n with WAffine size terms bias times => WAffine size (map term_key terms) bias times | _ => n end.

Definition node_size (n : node_words) : nat :=
  match n with WInput s _ | WAffine s _ _ _ | WRelu s _ | WFree s _ => s end.

(** Sizes first: they tell most nodes apart. *)
Definition same_node (n m : node_words) : bool :=
  negb (is_free n) && Nat.eqb (node_size n) (node_size m) && if node_eq_dec (node_key n) (node_key m) then true else false.

Fixpoint find_node (n : node_words) (i : nat) (g : list node_words) : option nat :=
  match g with
  | [] => None
  | m :: t => if same_node n m then Some i else find_node n (S i) t
  end.

(** ** What a node depends on *)

(** x, x', a free choice. *)
Record roles := { on_first : bool; on_second : bool; on_free : bool }.
Definition no_roles := {| on_first := false; on_second := false; on_free := false |}.
Definition join_roles (a b : roles) : roles :=
  {| on_first := on_first a || on_first b; on_second := on_second a || on_second b; on_free := on_free a || on_free b |}.

Definition node_roles (known : list roles) (n : node_words) : roles :=
  match n with
  | WInput _ second => {| on_first := negb second; on_second := second; on_free := false |}
  | WAffine _ terms _ _ => fold_right (fun t r => join_roles (nth (tw_source t) known no_roles) r) no_roles terms
  | WRelu _ u => nth u known no_roles
  | WFree _ _ => {| on_first := false; on_second := false; on_free := true |}
  end.

Fixpoint all_roles (known : list roles) (g : list node_words) : list roles :=
  match g with [] => known | n :: t => all_roles (known ++ [node_roles known n]) t end.

(** ** Reading a network *)

Definition is_float (t : dtype) : bool := match t with F2 | F4 | F8 => true | _ => false end.

Definition all_positive (l : list nat) : bool := forallb (fun n => Nat.leb 1 n) l.
Definition same_length (n : nat) (l : list nat) : bool := Nat.eqb n (List.length l).

Definition geometry_ok (g : conv_geometry) : bool :=
  let d := List.length (cv_spatial g) in
  Nat.leb 1 d && forallb (same_length d) [cv_kernel g; cv_strides g; cv_begins g; cv_ends g; cv_dilations g]
  && all_positive [cv_groups g; cv_in g; cv_out g]
  && all_positive (cv_spatial g ++ cv_kernel g ++ cv_strides g ++ cv_dilations g)
  && Nat.eqb (cv_in g mod cv_groups g) 0 && Nat.eqb (cv_out g mod cv_groups g) 0
  && all_positive (conv_outputs g).

(** (inputs, outputs) of a map that reads a node of [n_in] entries; None: it is malformed. *)
Definition map_shape (s : store) (n_in : nat) (m : map_words) : option (nat * nat) :=
  let count t := t_count (tensor_at s t) in
  let floating t := Nat.ltb t (List.length s) && is_float (t_type (tensor_at s t)) in
  match m with
  | WIdentity => Some (n_in, n_in)
  | WDense t => if floating t && Nat.leb 1 n_in && Nat.eqb (count t mod n_in) 0 then Some (n_in,
    count t / n_in)%nat else None
  | WConv t g =>
      let kernel := prod_nat (cv_kernel g) in
      if floating t && geometry_ok g && Nat.eqb (count t) (cv_out g * (cv_in g / cv_groups g) * kernel)
      then Some (cv_in g * prod_nat (cv_spatial g), cv_out g * prod_nat (conv_outputs g))%nat else None
  | WSelect t n =>
      if Nat.ltb t (List.length s) && negb (is_float (t_type (tensor_at s t))) then Some (n, count t) else None
  | WScale lo hi r =>
      if floating lo && floating hi && Nat.eqb (count lo) (count hi) && Nat.leb 1 r
      then Some (count lo * r, count lo * r)%nat else None
  end.

Definition size_at (g : list node_words) (i : nat) : nat := node_size (nth i g (WRelu 0 0)).

(** A term with its source in the graph. *)
Definition place_term (s : store) (g : list node_words) (local : list nat) (size : nat) (t : term_words) :
    result term_words :=
  at_ <- get "no-such-node" (nth_error local (tw_source t));;
  let n := size_at g at_ in
  shape <- get "shape" (map_shape s n (tw_map t));;
  _ <- need "shape" (Nat.eqb (fst shape) n && Nat.eqb (snd shape) size);;
  _ <- need "denominator" (1 <=? tw_den t)%Z;;
  Ok {| tw_source := at_; tw_num := tw_num t; tw_den := tw_den t; tw_map := tw_map t |}.

Fixpoint place_terms (s : store) (g : list node_words) (local : list nat) (size : nat) (terms : list term_words) :
    result (list term_words) :=
  match terms with
  | [] => Ok []
  | t :: rest => a <- place_term s g local size t;; b <- place_terms s g local size rest;; Ok (a :: b)
  end.

Definition bias_ok (s : store) (size : nat) (bias : option nat) (times : nat) : bool :=
  match bias with
  | None => Nat.eqb times 1
  | Some t => Nat.ltb t (List.length s) && is_float (t_type (tensor_at s t)) && Nat.leb 1 times
              && Nat.eqb (t_count (tensor_at s t) * times) size
  end.

(** A node with its sources in the graph. *)
Definition place_node (s : store) (g : list node_words) (rs : list roles) (local : list nat) (n : node_words) :
    result node_words :=
  _ <- need "shape" (Nat.leb 1 (node_size n));;
  match n with
  | WInput size second => Ok n
  | WAffine size terms bias times =>
      _ <- need "shape" (negb (Nat.eqb (List.length terms) 0) && bias_ok s size bias times);;
      ts <- place_terms s g local size terms;;
      Ok (WAffine size ts bias times)
  | WRelu size u =>
      at_ <- get "no-such-node" (nth_error local u);;
      _ <- need "shape" (Nat.eqb (size_at g at_) size);;
      Ok (WRelu size at_)
  | WFree size u =>
      at_ <- get "no-such-node" (nth_error local u);;
      _ <- need "shape" (Nat.eqb (size_at g at_) size);;
      let r := nth at_ rs no_roles in
      _ <- need "free-source" (negb (on_first r) && on_second r && negb (on_free r));;
      Ok (WFree size at_)
  end.

(** Nodes of a network placed in a graph: (graph, its roles, graph index of each node). *)
Record merged := { mg_nodes : list node_words; mg_roles : list roles; mg_local : list nat }.

Fixpoint merge (s : store) (nodes : list node_words) (m : merged) : result merged :=
  match nodes with
  | [] => Ok m
  | n :: rest =>
      p <- place_node s (mg_nodes m) (mg_roles m) (mg_local m) n;;
      merge s rest
        (match find_node p 0 (mg_nodes m) with
         | Some i => {| mg_nodes := mg_nodes m; mg_roles := mg_roles m; mg_local := mg_local m ++ [i] |}
         | None => {| mg_nodes := mg_nodes m ++ [p]; mg_roles := mg_roles m ++ [node_roles (mg_roles m) p];
                      mg_local := mg_local m ++ [List.length (mg_nodes m)] |}
         end)
  end.

(** Both networks: the graph, its roles, and where the nodes of f and of g are. *)
Record graph := {
  gr_nodes : list node_words; gr_roles : list roles;
  gr_f : list nat; gr_g : option (list nat); gr_out_f : nat; gr_out_g : option nat
}.

Definition inputs_of (g : list node_words) : list nat :=
  flat_map (fun n => match n with WInput size _ => [size] | _ => [] end) g.

Definition read_graph (s : store) (c : claim) : result graph :=
  m <- merge s (nw_nodes (cl_f c)) {| mg_nodes := []; mg_roles := []; mg_local := [] |};;
  out <- get "no-such-node" (nth_error (mg_local m) (nw_output (cl_f c)));;
  match cl_g c with
  | None => Ok {| gr_nodes := mg_nodes m; gr_roles := mg_roles m; gr_f := mg_local m; gr_g := None;
                  gr_out_f := out; gr_out_g := None |}
  | Some g =>
      m' <- merge s (nw_nodes g) {| mg_nodes := mg_nodes m; mg_roles := mg_roles m; mg_local := [] |};;
      out' <- get "no-such-node" (nth_error (mg_local m') (nw_output g));;
      Ok {| gr_nodes := mg_nodes m'; gr_roles := mg_roles m'; gr_f := mg_local m; gr_g := Some (mg_local m');
            gr_out_f := out; gr_out_g := Some out' |}
  end.
