(** The graph of both networks is sound: its valuations are the values of both networks, each node is a function of
    what its roles name, and a free node takes values that its source takes somewhere in the domain. *)
From Coq Require Import ZArith Reals List Bool Lia.
From Certify Require Import vectors syntax floats maps plans semantics result graph.
From Certify Require Export merge_rules.
Import ListNotations.
Open Scope nat_scope.

(** ** The graph that was read *)

Definition nothing_merged : merged := {| mg_nodes := []; mg_roles := []; mg_local := [] |}.
Definition next_network (m : merged) : merged := {| mg_nodes := mg_nodes m; mg_roles := mg_roles m; mg_local := [] |}.

(** [m] after f; [m'] after g, or [m] again. *)
Lemma read_graph_inv s c gr : read_graph s c = Ok gr -> exists m m',
  merge s (nw_nodes (cl_f c)) nothing_merged = Ok m /\
  gr_f gr = mg_local m /\ nth_error (mg_local m) (nw_output (cl_f c)) = Some (gr_out_f gr) /\
  gr_nodes gr = mg_nodes m' /\ gr_roles gr = mg_roles m' /\
  match cl_g c with
  | None => m' = m /\ gr_g gr = None /\ gr_out_g gr = None
  | Some g => merge s (nw_nodes g) (next_network m) = Ok m' /\ gr_g gr = Some (mg_local m')
              /\ exists o, gr_out_g gr = Some o /\ nth_error (mg_local m') (nw_output g) = Some o
  end.
Proof.
  unfold read_graph. intros H. apply bind_ok in H as (m & M & H). apply bind_ok in H as (out & O & H). apply get_ok in O.
  exists m. destruct (cl_g c) as [g|].
  - apply bind_ok in H as (m' & M' & H). apply bind_ok in H as (out' & O' & H). apply get_ok in O'.
    injection H as <-. exists m'. simpl. repeat (split; [assumption || reflexivity|]). exists out'. auto.
  - injection H as <-. exists m. simpl. auto 10.
Qed.

Lemma nothing_good s : merged_good s nothing_merged.
Proof. split; [split; [reflexivity|]; intros [|i] n H; discriminate | constructor]. Qed.

Lemma next_good s m : merged_good s m -> merged_good s (next_network m).
Proof. intros [G _]. split; [exact G | constructor]. Qed.

Lemma read_graph_good s c gr : read_graph s c = Ok gr ->
  graph_good s (gr_nodes gr) (gr_roles gr) /\ below (gr_nodes gr) (gr_f gr) /\
  forall l, gr_g gr = Some l -> below (gr_nodes gr) l.
Proof.
  intros H. destruct (read_graph_inv s c gr H) as (m & m' & M & F & _ & -> & -> & K). rewrite F.
  pose proof (merge_good s _ _ _ (nothing_good s) M) as G. destruct (cl_g c) as [g|].
  - destruct K as (M' & Kg & _). pose proof (merge_good s _ _ _ (next_good s m G) M') as [G' B'].
    split; [exact G'|]. split.
    + destruct (merge_extends s _ _ _ M') as (more & ->). apply below_app, G.
    + rewrite Kg. intros l L. injection L as <-. exact B'.
  - destruct K as (-> & Kg & _). destruct G as [G B]. split; [exact G|]. split; [exact B|]. rewrite Kg. discriminate.
Qed.

(** The roles that the reader kept are those of the nodes. *)
Lemma all_roles_snoc p : forall g known,
  all_roles known (g ++ [p]) = all_roles known g ++ [node_roles (all_roles known g) p].
Proof. induction g as [|n g IH]; intros known; simpl; [reflexivity | apply IH]. Qed.

Lemma merge_roles s : forall nodes m m', mg_roles m = all_roles [] (mg_nodes m) -> merge s nodes m = Ok m' ->
  mg_roles m' = all_roles [] (mg_nodes m').
Proof.
  induction nodes as [|n nodes IH]; intros m m' R H; [injection H as <-; exact R|].
  apply merge_cons in H as (p & _ & H). apply IH in H; [exact H|]. unfold merge_step.
  destruct (find_node _ _ _); simpl; [exact R | rewrite all_roles_snoc, R; reflexivity].
Qed.

Theorem graph_roles s c gr : read_graph s c = Ok gr -> gr_roles gr = all_roles [] (gr_nodes gr).
Proof.
  intros H. destruct (read_graph_inv s c gr H) as (m & m' & M & _ & _ & -> & -> & K).
  apply merge_roles in M; [|reflexivity]. destruct (cl_g c) as [g|]; [|destruct K as [-> _]; exact M].
  destruct K as (M' & _). exact (merge_roles s _ (next_network m) m' M M').
Qed.

(** Sources come before their node, sizes fit, maps have the shapes of their nodes, free sources depend on x' alone. *)
Theorem graph_node s c gr i n : read_graph s c = Ok gr -> nth_error (gr_nodes gr) i = Some n ->
  node_good s (gr_nodes gr) (gr_roles gr) i n.
Proof. intros H N. apply (proj2 (proj1 (read_graph_good s c gr H)) i n N). Qed.

(** ** Its valuations *)

(** [gv] is the graph's valuation at (x, x') under the choices [ff] and [fg] of the networks' free nodes. *)
Definition valuation (s : store) (syms : symbols) (c : claim) (gr : graph) (x x' : list R) (ff fg : nat -> list R)
    (gv : list (list R)) : Prop :=
  equations s syms x x' (gr_nodes gr) gv
  /\ Forall2 (fun l v => nth l gv [] = v) (gr_f gr) (node_values s syms x x' ff (cl_f c))
  /\ match cl_g c, gr_g gr with
     | Some g, Some lg => Forall2 (fun l v => nth l gv [] = v) lg (node_values s syms x x' fg g)
     | None, None => True
     | _, _ => False
     end.

Lemma input_fits_of g a : (forall size, In size (inputs_of g) -> length a = size) -> input_fits g a.
Proof. intros H size second I. apply H, in_flat_map. exists (WInput size second). split; [exact I | left; reflexivity]. Qed.

Theorem graph_valuation s syms c gr x x' ff fg : read_graph s c = Ok gr ->
  (forall size, In size (inputs_of (gr_nodes gr)) -> length x = size /\ length x' = size) ->
  (forall i size u, nth_error (nw_nodes (cl_f c)) i = Some (WFree size u) -> length (ff i) = size) ->
  (forall g, cl_g c = Some g ->
    forall i size u, nth_error (nw_nodes g) i = Some (WFree size u) -> length (fg i) = size) ->
  exists gv, valuation s syms c gr x x' ff fg gv.
Proof.
  intros H Fit Cf Cg. pose proof (input_fits_of (gr_nodes gr) x (fun size E => proj1 (Fit size E))) as I.
  pose proof (input_fits_of (gr_nodes gr) x' (fun size E => proj2 (Fit size E))) as I'.
  destruct (read_graph_inv s c gr H) as (m & m' & M & F & _ & N & _ & K).
  unfold valuation, node_values. rewrite F. rewrite N in *.
  assert (A : exists gv, equations s syms x x' (mg_nodes m) gv
                /\ stands gv (mg_local m) (evaluate s syms x x' ff [] (nw_nodes (cl_f c)))).
  { apply (merge_values s syms x x' ff _ nothing_merged m [] [] (nothing_good s) M); try assumption.
    - split; [reflexivity|]. intros [|i] n E; discriminate.
    - constructor.
    - intros size second E. apply (I size second). destruct (cl_g c) as [g|]; [|destruct K as [-> _]; exact E].
      destruct K as (M' & _). destruct (merge_extends s _ _ _ M') as (more & ->). apply in_or_app. left. exact E.
    - intros size second E. apply (I' size second). destruct (cl_g c) as [g|]; [|destruct K as [-> _]; exact E].
      destruct K as (M' & _). destruct (merge_extends s _ _ _ M') as (more & ->). apply in_or_app. left. exact E. }
  destruct A as (gv & E & S). pose proof (merge_good s _ _ _ (nothing_good s) M) as G. destruct (cl_g c) as [g|].
  - destruct K as (M' & -> & _).
    destruct (merge_values s syms x x' fg _ (next_network m) m' gv [] (next_good s m G) M' E (Forall2_nil _)
                I I' (Cg g eq_refl)) as (more & E' & S').
    exists (gv ++ more). split; [exact E'|]. split; [|exact S'].
    apply (stands_app (mg_nodes m)); [apply E | apply G | exact S].
  - destruct K as (-> & -> & _). exists gv. auto.
Qed.

(** ** What nodes depend on *)

Lemma joined_roles (known : list roles) t terms : In t terms ->
  let r := fold_right (fun t r => join_roles (nth (tw_source t) known no_roles) r) no_roles terms in
  let q := nth (tw_source t) known no_roles in
  (on_free r = false -> on_free q = false) /\ (on_first q = true -> on_first r = true)
  /\ (on_second q = true -> on_second r = true).
Proof.
  simpl. induction terms as [|t' terms IH]; simpl; [tauto|]. rewrite !orb_true_iff, orb_false_iff.
  intros [-> | I]; [tauto | specialize (IH I); tauto].
Qed.

Lemma sum_terms_ext s syms n vals vals' j terms :
  (forall t, In t terms -> nth (tw_source t) vals [] = nth (tw_source t) vals' []) ->
  sum_terms s syms n vals j terms = sum_terms s syms n vals' j terms.
Proof.
  induction terms as [|t terms IH]; intros H; simpl; [reflexivity|].
  rewrite IH by (intros; apply H; right; assumption). rewrite (H t (or_introl eq_refl)). reflexivity.
Qed.

(** A node is a function of what its roles name. *)
Lemma independent s syms g rs x1 x1' gv1 x2 x2' gv2 : graph_good s g rs ->
  equations s syms x1 x1' g gv1 -> equations s syms x2 x2' g gv2 -> forall j, j < length g ->
  let r := nth j rs no_roles in
  on_free r = false -> (on_first r = true -> x1 = x2) -> (on_second r = true -> x1' = x2') ->
  nth j gv1 [] = nth j gv2 [].
Proof.
  intros (_ & G) (_ & E1) (_ & E2) j. induction j as [j IH] using lt_wf_ind. intros L r F H H'. subst r.
  destruct (nth_error g j) as [n|] eqn:N; [|apply nth_error_None in N; lia].
  destruct (G j n N) as [[_ Gn] R]. rewrite R in *.
  destruct (E1 j n N) as [_ V1]. destruct (E2 j n N) as [_ V2].
  destruct n as [size second | size terms bias times | size u | size u]; cbn [node_roles] in *.
  - rewrite V1, V2. destruct second; simpl in *; auto.
  - rewrite V1, V2. destruct Gn as (_ & _ & Gn). simpl. apply map_ext. intros i. f_equal. apply sum_terms_ext.
    intros t I. destruct (Gn t I) as (Lt & _). destruct (joined_roles rs t terms I) as (J1 & J2 & J3).
    apply IH; [exact Lt | lia | auto | auto | auto].
  - rewrite V1, V2. destruct Gn as (Lu & _). simpl. f_equal. apply IH; [exact Lu | lia | exact F | exact H | exact H'].
  - discriminate.
Qed.

Theorem graph_independent s syms c gr x1 x1' gv1 x2 x2' gv2 j : read_graph s c = Ok gr ->
  equations s syms x1 x1' (gr_nodes gr) gv1 -> equations s syms x2 x2' (gr_nodes gr) gv2 ->
  j < length (gr_nodes gr) -> let r := nth j (gr_roles gr) no_roles in
  on_free r = false -> (on_first r = true -> x1 = x2) -> (on_second r = true -> x1' = x2') ->
  nth j gv1 [] = nth j gv2 [].
Proof. intros H E1 E2. apply (independent s syms _ _ x1 x1' gv1 x2 x2' gv2 (proj1 (read_graph_good s c gr H)) E1 E2). Qed.

(** ** Where nodes of the graph come from *)

(** The networks, g or f, with where their nodes are. *)
Inductive network_at (c : claim) (gr : graph) : bool -> network -> list nat -> Prop :=
| at_f : network_at c gr false (cl_f c) (gr_f gr)
| at_g net l : cl_g c = Some net -> gr_g gr = Some l -> network_at c gr true net l.

Lemma network_at_in c gr b net l : network_at c gr b net l -> In net (networks c).
Proof. unfold networks. destruct 1 as [|net l E _]; [left; reflexivity | right; rewrite E; left; reflexivity]. Qed.

(** A node of the graph is a node of a network. *)
Theorem graph_origin s c gr j p : read_graph s c = Ok gr -> nth_error (gr_nodes gr) j = Some p ->
  exists b net l i n, network_at c gr b net l /\ nth_error (nw_nodes net) i = Some n /\ nth_error l i = Some j
                      /\ node_placed l n p.
Proof.
  intros H N. destruct (read_graph_inv s c gr H) as (m & m' & M & F & _ & Nm & _ & K). rewrite Nm in N.
  assert (A : nth_error (mg_nodes m) j = Some p -> exists b net l i n,
             network_at c gr b net l /\ nth_error (nw_nodes net) i = Some n /\ nth_error l i = Some j /\ node_placed l n p).
  { intros O. destruct (merge_origin s _ _ _ j p (nothing_good s) M O) as [O' | (i & n & Q)].
    - destruct j; discriminate.
    - exists false, (cl_f c), (gr_f gr), i, n. split; [constructor|]. rewrite F. exact Q. }
  destruct (cl_g c) as [g|] eqn:Eg; [|destruct K as (-> & _); exact (A N)]. destruct K as (M' & Kg & _).
  pose proof (merge_good s _ _ _ (nothing_good s) M) as G.
  destruct (merge_origin s _ _ _ j p (next_good s m G) M' N) as [O | (i & n & Q)]; [exact (A O)|].
  exists true, g, (mg_local m'), i, n. split; [constructor; assumption | exact Q].
Qed.

(** ** Free nodes *)

(** A free node of the graph is one of f or of g, and its source depends on x' alone. *)
Theorem graph_free_origin s c gr j size gu : read_graph s c = Ok gr -> nth_error (gr_nodes gr) j = Some (WFree size gu) ->
  (exists b net local i u, network_at c gr b net local /\ nth_error (nw_nodes net) i = Some (WFree size u)
                           /\ nth_error local i = Some j /\ nth_error local u = Some gu) /\
  let r := nth gu (gr_roles gr) no_roles in on_first r = false /\ on_second r = true /\ on_free r = false.
Proof.
  intros H N. split; [|apply (graph_node s c gr j _ H N)].
  destruct (graph_origin s c gr j _ H N) as (b & net & l & i & n & A & Ni & J & P).
  destruct n as [| | |size0 u]; simpl in P; try contradiction. destruct P as [-> U]. exists b, net, l, i, u. auto.
Qed.

Lemma valuation_at s syms c gr x x' ff fg gv b net l : valuation s syms c gr x x' ff fg gv -> network_at c gr b net l ->
  stands gv l (node_values s syms x x' (if b then fg else ff) net).
Proof. intros (_ & F & G) A. destruct A as [|net l Eg El]; [exact F|]. rewrite Eg, El in G. exact G. Qed.

(** Each entry of a free node is one that its source takes at some x' of the domain, whatever x is. *)
Theorem graph_free s syms (X : list R -> Prop) c gr x x' ff fg gv j size u : read_graph s c = Ok gr ->
  valuation s syms c gr x x' ff fg gv ->
  free_ok s syms X (cl_f c) ff -> (forall g, cl_g c = Some g -> free_ok s syms X g fg) ->
  (forall x3, X x3 -> forall size, In size (inputs_of (gr_nodes gr)) -> length x3 = size) ->
  nth_error (gr_nodes gr) j = Some (WFree size u) -> forall k, k < size ->
  exists x3, X x3 /\ forall gv3, valuation s syms c gr x x3 ff fg gv3 -> nth k (nth j gv []) 0%R = nth k (nth u gv3 []) 0%R.
Proof.
  intros H V Of Og I N k Lk.
  destruct (graph_free_origin s c gr j size u H N) as ((b & net & l & i & u0 & A & Ni & J & U) & R1 & _ & R3).
  pose proof (fun y y' gv' W => valuation_at s syms c gr y y' ff fg gv' b net l W A) as S.
  assert (O : free_ok s syms X net (if b then fg else ff)) by (destruct A as [|net l Eg _]; [exact Of | exact (Og net Eg)]).
  set (free := if b then fg else ff) in *.
  destruct (O i size u0 Ni) as [_ K]. destruct (K k Lk) as (x3 & X3 & E). exists x3. split; [exact X3|].
  intros gv3 V3.
  destruct (graph_valuation s syms c gr x3 x3 ff fg H (fun n In_n => conj (I x3 X3 n In_n) (I x3 X3 n In_n))
              (free_ok_fits _ _ _ _ _ Of) (fun g Eg => free_ok_fits _ _ _ _ _ (Og g Eg))) as (gv33 & V33).
  rewrite <- (stands_error gv l _ i j (S _ _ _ V) J). unfold node_values at 1.
  rewrite (evaluate_free s syms x x' free size u0 _ [] i Ni : nth i _ [] = free i), E.
  rewrite (stands_error gv33 l _ u0 u (S _ _ _ V33) U).
  destruct (graph_node s c gr j _ H N) as (_ & Lu & _).
  pose proof (error_lt _ _ _ N) as Lj. f_equal.
  apply (graph_independent s syms c gr x3 x3 gv33 x x3 gv3 u H (proj1 V33) (proj1 V3)); [lia | exact R3 | | reflexivity].
  rewrite R1. discriminate.
Qed.

(** ** Outputs *)

Theorem graph_outputs s syms c gr x x' ff fg gv : valuation s syms c gr x x' ff fg gv -> read_graph s c = Ok gr ->
  output s syms x x' ff (cl_f c) = nth (gr_out_f gr) gv [] /\
  forall g o, cl_g c = Some g -> gr_out_g gr = Some o -> output s syms x x' fg g = nth o gv [].
Proof.
  intros (_ & F & G) H. destruct (read_graph_inv s c gr H) as (m & m' & _ & Lf & O & _ & _ & K).
  rewrite Lf in F. split; [exact (stands_error _ _ _ _ _ F O)|].
  intros g o Eg Eo. rewrite Eg in *. destruct K as (_ & Lg & o' & Eo' & O'). rewrite Lg in G.
  rewrite Eo in Eo'. injection Eo' as <-. exact (stands_error _ _ _ _ _ G O').
Qed.

(** The graph knows g exactly if the claim does. *)
Theorem graph_with_g s c gr g : read_graph s c = Ok gr -> cl_g c = Some g ->
  exists l o, gr_g gr = Some l /\ gr_out_g gr = Some o.
Proof.
  intros H E. destruct (read_graph_inv s c gr H) as (m & m' & _ & _ & _ & _ & _ & K). rewrite E in K.
  destruct K as (_ & L & o & O & _). exists (mg_local m'), o. auto.
Qed.

Theorem graph_without_g s c gr : read_graph s c = Ok gr -> cl_g c = None -> gr_g gr = None /\ gr_out_g gr = None.
Proof. intros H E. destruct (read_graph_inv s c gr H) as (m & m' & _ & _ & _ & _ & _ & K). rewrite E in K. apply K. Qed.

(** A node that a plan or a tree names, in both. *)
Theorem graph_local s syms c gr x x' ff fg gv : valuation s syms c gr x x' ff fg gv ->
  (forall i j, nth_error (gr_f gr) i = Some j -> nth j gv [] = nth i (node_values s syms x x' ff (cl_f c)) []) /\
  forall g l i j, cl_g c = Some g -> gr_g gr = Some l -> nth_error l i = Some j ->
    nth j gv [] = nth i (node_values s syms x x' fg g) [].
Proof.
  intros (_ & F & G). split.
  - intros i j J. symmetry. exact (stands_error _ _ _ _ _ F J).
  - intros g l i j Eg El J. rewrite Eg, El in G. symmetry. exact (stands_error _ _ _ _ _ G J).
Qed.

(** ** What the reader has checked *)

Theorem graph_lengths s c gr : read_graph s c = Ok gr -> length (gr_roles gr) = length (gr_nodes gr).
Proof. intros H. apply (read_graph_good s c gr H). Qed.

Theorem graph_indices s c gr : read_graph s c = Ok gr ->
  Forall (fun i => i < length (gr_nodes gr)) (gr_f gr) /\
  (forall l, gr_g gr = Some l -> Forall (fun i => i < length (gr_nodes gr)) l) /\
  gr_out_f gr < length (gr_nodes gr) /\ (forall o, gr_out_g gr = Some o -> o < length (gr_nodes gr)).
Proof.
  intros H. destruct (read_graph_good s c gr H) as (_ & F & G). repeat split; [exact F | exact G | |].
  - destruct (read_graph_inv s c gr H) as (m & m' & _ & Lf & O & _). rewrite Lf in F. exact (below_error _ _ _ _ F O).
  - intros o Eo. destruct (read_graph_inv s c gr H) as (m & m' & _ & _ & _ & _ & _ & K). destruct (cl_g c).
    + destruct K as (_ & Lg & o' & Eo' & O). rewrite Eo in Eo'. injection Eo' as <-. exact (below_error _ _ _ _ (G _ Lg) O).
    + destruct K as (_ & _ & K). congruence.
Qed.

Theorem graph_sources s c gr i n : read_graph s c = Ok gr -> nth_error (gr_nodes gr) i = Some n ->
  match n with
  | WInput _ _ => True
  | WAffine _ terms _ _ => forall t, In t terms -> tw_source t < i
  | WRelu _ u | WFree _ u => u < i
  end.
Proof.
  intros H N. destruct (graph_node s c gr i n H N) as (_ & G). destruct n; [exact I | | apply G | apply G].
  intros t T. apply G, T.
Qed.

Theorem graph_affine s c gr i size terms bias times : read_graph s c = Ok gr ->
  nth_error (gr_nodes gr) i = Some (WAffine size terms bias times) ->
  bias_ok s size bias times = true /\
  forall t, In t terms -> (0 < tw_den t)%Z /\
    map_shape s (size_at (gr_nodes gr) (tw_source t)) (tw_map t) = Some (size_at (gr_nodes gr) (tw_source t), size).
Proof.
  intros H N. destruct (graph_node s c gr i _ H N) as (_ & _ & B & T). split; [exact B|].
  intros t I. destruct (T t I) as (_ & D & M). auto.
Qed.

(** Values of nodes have the nodes' sizes. *)
Theorem equations_size s syms x x' g gv i : equations s syms x x' g gv -> i < length g ->
  length (nth i gv []) = size_at g i.
Proof. intros (_ & E) L. apply (E i (nth i g (WRelu 0 0))), nth_error_nth', L. Qed.

(** One size for all inputs. *)
Theorem inputs_fit g n (a : list R) : Forall (eq n) (inputs_of g) -> length a = n ->
  forall size, In size (inputs_of g) -> length a = size.
Proof. intros F L size I. rewrite Forall_forall in F. rewrite L. exact (F size I). Qed.

(** Maps of the graph are maps of the networks, so that their symbols are known. *)
Lemma placed_scale l size terms bias times n t lo hi r : node_placed l n (WAffine size terms bias times) ->
  In t terms -> tw_map t = WScale lo hi r -> forall net i, nth_error (nw_nodes net) i = Some n ->
  In (lo, hi) (scale_pairs net).
Proof.
  intros P I M net i N. destruct n; simpl in P; try contradiction. destruct P as (_ & _ & _ & F).
  apply nth_error_In in N. apply in_flat_map. eexists. split; [exact N|]. cbv beta iota. clear N.
  induction F as [|t0 p terms0 ts T F IH]; [destruct I|]. simpl. apply in_or_app. destruct I as [-> | I].
  - left. destruct T as (_ & _ & _ & T). rewrite <- T, M. left; reflexivity.
  - right. exact (IH I).
Qed.

Theorem graph_scale_pairs s c gr i size terms bias times t lo hi r : read_graph s c = Ok gr ->
  nth_error (gr_nodes gr) i = Some (WAffine size terms bias times) -> In t terms -> tw_map t = WScale lo hi r ->
  exists net, In net (networks c) /\ In (lo, hi) (scale_pairs net).
Proof.
  intros H N I M. destruct (graph_origin s c gr i _ H N) as (b & net & l & j & n & A & Nj & _ & P).
  exists net. split; [exact (network_at_in c gr b net l A) | exact (placed_scale l _ _ _ _ n t lo hi r P I M net j Nj)].
Qed.

Theorem graph_symbols s syms c gr i size terms bias times t lo hi r : read_graph s c = Ok gr ->
  symbols_ok s syms (networks c) -> nth_error (gr_nodes gr) i = Some (WAffine size terms bias times) -> In t terms ->
  tw_map t = WScale lo hi r -> Forall2 Rle (reals_at s lo) (syms lo hi) /\ Forall2 Rle (syms lo hi) (reals_at s hi).
Proof.
  intros H O N I M. destruct (graph_scale_pairs s c gr i _ _ _ _ t lo hi r H N I M) as (net & In_c & P).
  exact (O net lo hi In_c P).
Qed.
