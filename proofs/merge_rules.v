(** Merging a network into a graph: what has been checked of the graph's nodes goes on to hold, and every valuation of the
    graph so far goes on to one in which the network's values stand. *)
From Coq Require Import ZArith Reals List Bool Lia.
From Certify Require Import vectors syntax floats maps plans semantics result graph.
Import ListNotations.
Open Scope nat_scope.

(** ** Lists that go on *)

Lemma nth_error_snoc {A} (l : list A) a i b : nth_error (l ++ [a]) i = Some b ->
  nth_error l i = Some b \/ (i = length l /\ a = b).
Proof.
  intros H. assert (i < length l \/ length l <= i) as [L | L] by lia.
  - rewrite nth_error_app1 in H by exact L. left; exact H.
  - rewrite nth_error_app2 in H by exact L. right. destruct (i - length l) eqn:D; simpl in H.
    + split; [lia | congruence].
    + destruct n; discriminate.
Qed.

Lemma nth_snoc {A} (l : list A) a d : nth (length l) (l ++ [a]) d = a.
Proof. rewrite app_nth2, Nat.sub_diag by lia. reflexivity. Qed.

Lemma nth_of_error {A} (l : list A) i a d : nth_error l i = Some a -> nth i l d = a.
Proof. apply nth_error_nth. Qed.

Lemma error_lt {A} (l : list A) i a : nth_error l i = Some a -> i < length l.
Proof. intros H. apply nth_error_Some. congruence. Qed.

(** ** What has been checked of a node *)

(** [n] at place [i] of graph [g]; its sources come before it. *)
Definition node_good (s : store) (g : list node_words) (rs : list roles) (i : nat) (n : node_words) : Prop :=
  1 <= node_size n /\
  match n with
  | WInput _ _ => True
  | WAffine size terms bias times =>
      terms <> [] /\ bias_ok s size bias times = true /\
      forall t, In t terms -> tw_source t < i /\ (0 < tw_den t)%Z /\
        map_shape s (size_at g (tw_source t)) (tw_map t) = Some (size_at g (tw_source t), size)
  | WRelu size u => u < i /\ size_at g u = size
  | WFree size u => u < i /\ size_at g u = size /\
      let r := nth u rs no_roles in on_first r = false /\ on_second r = true /\ on_free r = false
  end.

Definition graph_good (s : store) (g : list node_words) (rs : list roles) : Prop :=
  length rs = length g /\
  forall i n, nth_error g i = Some n -> node_good s g rs i n /\ nth i rs no_roles = node_roles rs n.

Lemma size_at_snoc g p u : u < length g -> size_at (g ++ [p]) u = size_at g u.
Proof. intros L. unfold size_at. rewrite app_nth1 by exact L. reflexivity. Qed.

Lemma node_roles_snoc s g rs r i n : node_good s g rs i n -> i <= length rs -> node_roles (rs ++ [r]) n = node_roles rs n.
Proof.
  intros [_ G] L. destruct n as [size second | size terms bias times | size u | size u]; simpl in *; try reflexivity.
  - destruct G as (_ & _ & G). induction terms as [|t terms IH]; simpl; [reflexivity|].
    rewrite IH by (intros; apply G; right; assumption). f_equal.
    rewrite app_nth1; [reflexivity|]. specialize (G t (or_introl eq_refl)). lia.
  - rewrite app_nth1 by lia. reflexivity.
Qed.

Lemma node_good_snoc s g rs p r i n : length rs = length g -> i <= length g ->
  node_good s g rs i n -> node_good s (g ++ [p]) (rs ++ [r]) i n.
Proof.
  intros E L [S G]. split; [exact S|].
  destruct n as [size second | size terms bias times | size u | size u]; simpl in *; try exact G.
  - destruct G as (N & B & G). split; [exact N|]. split; [exact B|]. intros t I.
    destruct (G t I) as (L' & D & M). rewrite size_at_snoc by lia. auto.
  - rewrite size_at_snoc by lia. exact G.
  - rewrite size_at_snoc, app_nth1 by lia. exact G.
Qed.

Lemma graph_good_snoc s g rs p : graph_good s g rs -> node_good s g rs (length g) p ->
  graph_good s (g ++ [p]) (rs ++ [node_roles rs p]).
Proof.
  intros (E & G) P. split; [rewrite !app_length; simpl; lia|]. intros i n H.
  apply nth_error_snoc in H as [H | [-> <-]].
  - pose proof (error_lt _ _ _ H) as L. destruct (G i n H) as [Gn R].
    split; [apply node_good_snoc; [exact E | lia | exact Gn]|].
    rewrite app_nth1 by lia. rewrite R. symmetry. apply (node_roles_snoc s g rs _ i n Gn). lia.
  - split; [apply node_good_snoc; [exact E | lia | exact P]|].
    rewrite <- E at 1. rewrite nth_snoc. symmetry. apply (node_roles_snoc s g rs _ (length g) p P). lia.
Qed.

(** ** Placing a node *)

Definition below (g : list node_words) (l : list nat) : Prop := Forall (fun i => i < length g) l.

Lemma below_error g l u a : below g l -> nth_error l u = Some a -> a < length g.
Proof. intros B H. apply nth_error_In in H. unfold below in B. rewrite Forall_forall in B. auto. Qed.

(** A term and what became of it: only the source has another number. *)
Definition term_placed (local : list nat) (t p : term_words) : Prop :=
  nth_error local (tw_source t) = Some (tw_source p) /\
  tw_num p = tw_num t /\ tw_den p = tw_den t /\ tw_map p = tw_map t.

Definition node_placed (local : list nat) (n p : node_words) : Prop :=
  match n, p with
  | WInput size second, WInput size' second' => size' = size /\ second' = second
  | WAffine size terms bias times, WAffine size' terms' bias' times' =>
      size' = size /\ bias' = bias /\ times' = times /\ Forall2 (term_placed local) terms terms'
  | WRelu size u, WRelu size' u' | WFree size u, WFree size' u' => size' = size /\ nth_error local u = Some u'
  | _, _ => False
  end.

Lemma place_terms_ok s g local size : forall terms ts, below g local -> place_terms s g local size terms = Ok ts ->
  Forall2 (term_placed local) terms ts /\
  forall t, In t ts -> tw_source t < length g /\ (0 < tw_den t)%Z /\
    map_shape s (size_at g (tw_source t)) (tw_map t) = Some (size_at g (tw_source t), size).
Proof.
  induction terms as [|t terms IH]; intros ts B H; simpl in H.
  - injection H as <-. split; [constructor | intros t []].
  - apply bind_ok in H as (p & P & H). apply bind_ok in H as (ps & Ps & H). injection H as <-.
    destruct (IH ps B Ps) as [F1 F2]. unfold place_term in P.
    apply bind_ok in P as (a & A & P). apply get_ok in A.
    apply bind_ok in P as ((n_in, n_out) & S & P). apply get_ok in S.
    apply bind_ok in P as (? & N & P). apply need_ok in N. apply andb_prop in N as [N1 N2].
    apply Nat.eqb_eq in N1, N2. simpl in N1, N2.
    apply bind_ok in P as (? & D & P). apply need_ok in D. apply Z.leb_le in D. injection P as <-.
    split; [constructor; [|exact F1]; repeat split; assumption|].
    intros t' [<- | I]; [|exact (F2 t' I)]. simpl. split; [exact (below_error _ _ _ _ B A)|].
    split; [lia | congruence].
Qed.

Lemma place_node_ok s g rs local n p : below g local -> place_node s g rs local n = Ok p ->
  node_placed local n p /\ node_good s g rs (length g) p.
Proof.
  intros B H. unfold place_node in H. apply bind_ok in H as (? & S & H). apply need_ok, Nat.leb_le in S.
  destruct n as [size second | size terms bias times | size u | size u]; simpl in S.
  - injection H as <-. repeat split; exact S.
  - apply bind_ok in H as (? & N & H). apply need_ok in N. apply andb_prop in N as [N Bi].
    apply bind_ok in H as (ts & T & H). injection H as <-.
    destruct (place_terms_ok s g local size terms ts B T) as [F1 F2].
    split; [repeat split; assumption|]. split; [exact S|]. split; [|split; assumption].
    intros ->. inversion F1; subst. discriminate.
  - apply bind_ok in H as (a & A & H). apply get_ok in A.
    apply bind_ok in H as (? & N & H). apply need_ok, Nat.eqb_eq in N. injection H as <-.
    repeat split; try assumption. exact (below_error _ _ _ _ B A).
  - apply bind_ok in H as (a & A & H). apply get_ok in A.
    apply bind_ok in H as (? & N & H). apply need_ok, Nat.eqb_eq in N.
    apply bind_ok in H as (? & R & H). apply need_ok in R. injection H as <-.
    apply andb_prop in R as [R R3]. apply andb_prop in R as [R1 R2].
    apply negb_true_iff in R1, R3.
    repeat split; try assumption. exact (below_error _ _ _ _ B A).
Qed.

Lemma placed_size local n p : node_placed local n p -> node_size p = node_size n.
Proof. destruct n, p; simpl; tauto. Qed.

(** ** Equal nodes *)

Lemma find_node_some n i g : forall k, find_node n k g = Some i ->
  k <= i /\ exists m, nth_error g (i - k) = Some m /\ same_node n m = true.
Proof.
  induction g as [|m g IH]; intros k H; simpl in H; [discriminate|]. destruct (same_node n m) eqn:E.
  - injection H as <-. split; [lia|]. exists m. rewrite Nat.sub_diag. auto.
  - apply IH in H as (L & m' & H & E'). split; [lia|]. exists m'. split; [|exact E'].
    replace (i - k) with (S (i - S k)) by lia. exact H.
Qed.

Lemma same_node_inv n m : same_node n m = true -> is_free n = false /\ node_size n = node_size m /\ node_key n = node_key m.
Proof.
  unfold same_node. intros H. apply andb_prop in H as [H K]. apply andb_prop in H as [F S].
  apply negb_true_iff in F. apply Nat.eqb_eq in S. destruct (node_eq_dec _ _) as [E|]; [auto | discriminate].
Qed.

Lemma map_key_value s syms n_in n_out m m' : map_key m = map_key m' ->
  map_value s syms n_in n_out m = map_value s syms n_in n_out m'.
Proof.
  destruct m as [|t|t g|t n|lo hi r], m' as [|t'|t' g'|t' n'|lo' hi' r']; simpl; try discriminate; intros H;
    try reflexivity; injection H; clear H; intros; subst; try reflexivity.
  unfold instance, conv_rows, conv_inputs.
  repeat match goal with H : _ g = _ g' |- _ => rewrite H; clear H end. reflexivity.
Qed.

Lemma sum_terms_key s syms n vals j : forall a b, map term_key a = map term_key b ->
  sum_terms s syms n vals j a = sum_terms s syms n vals j b.
Proof.
  induction a as [|t a IH]; intros [|t' b] H; try discriminate; [reflexivity|].
  injection H as H4 H3 H2 H1 H. simpl. rewrite (IH b H), H4, H3, H2, (map_key_value s syms _ n _ _ H1). reflexivity.
Qed.

Lemma node_key_value s syms x x' free vals n m : node_key n = node_key m ->
  node_value s syms x x' free vals n = node_value s syms x x' free vals m.
Proof.
  destruct n, m; simpl; try discriminate; intros H; injection H; clear H; intros; subst; try reflexivity.
  apply map_ext. intros j. f_equal. apply sum_terms_key. assumption.
Qed.

(** ** Values *)

(** [gv] gives each node of [g] a value: x, x', what its operator makes of its sources; free nodes may be anything. *)
Definition equations (s : store) (syms : symbols) (x x' : list R) (g : list node_words) (gv : list (list R)) : Prop :=
  length gv = length g /\ forall i n, nth_error g i = Some n ->
    length (nth i gv []) = node_size n /\
    match n with
    | WFree _ _ => True
    | WInput _ second => nth i gv [] = (if second then x' else x)
    | _ => nth i gv [] = node_value s syms x x' (fun _ => []) gv n
    end.

(** Values of a network's nodes stand where the network's nodes are in the graph. *)
Definition stands (gv : list (list R)) (local : list nat) (vals : list (list R)) : Prop :=
  Forall2 (fun l v => nth l gv [] = v) local vals.

Lemma stands_error gv local : forall vals u a, stands gv local vals -> nth_error local u = Some a ->
  nth u vals [] = nth a gv [].
Proof.
  induction local as [|l local IH]; intros vals [|u] a S H; simpl in H; try discriminate; inversion S; subst; simpl.
  - injection H as ->. reflexivity.
  - apply IH; assumption.
Qed.

Lemma stands_app g gv more local vals : length gv = length g -> below g local -> stands gv local vals ->
  stands (gv ++ more) local vals.
Proof.
  intros L B S. unfold stands in *. induction S as [|l a local vals E S IH]; constructor; inversion B; subst.
  - rewrite app_nth1 by lia. reflexivity.
  - apply IH; assumption.
Qed.

Section Values.

Variables (s : store) (syms : symbols) (x x' : list R).

Notation value := (node_value s syms x x').

(** A node in its network and in the graph. *)
Lemma placed_value free gv local vals n p : stands gv local vals -> node_placed local n p ->
  value free vals n = value (fun _ => free (length vals)) gv p.
Proof.
  intros S P. destruct n as [size second | size terms bias times | size u | size u], p; simpl in P; try contradiction; simpl.
  - destruct P as [_ ->]. reflexivity.
  - destruct P as (-> & -> & -> & F). apply map_ext. intros j. f_equal.
    induction F as [|t p terms ts (A & N & D & M) F IH]; simpl; [reflexivity|].
    rewrite IH, N, D, M, (stands_error gv local vals _ _ S A). reflexivity.
  - destruct P as [-> A]. rewrite (stands_error gv local vals _ _ S A). reflexivity.
  - reflexivity.
Qed.

(** Only the values of sources count. *)
Lemma value_snoc g rs i free gv v n : node_good s g rs i n -> is_free n = false -> i <= length gv ->
  value free (gv ++ [v]) n = value free gv n.
Proof.
  intros [_ G] F L. destruct n as [size second | size terms bias times | size u | size u]; simpl in *;
    try reflexivity; try discriminate.
  - destruct G as (_ & _ & G). apply map_ext. intros j. f_equal.
    induction terms as [|t terms IH]; simpl; [reflexivity|].
    rewrite IH by (intros; apply G; right; assumption).
    rewrite app_nth1; [reflexivity|]. specialize (G t (or_introl eq_refl)). lia.
  - rewrite app_nth1 by lia. reflexivity.
Qed.

Lemma value_free_any free free' vals n : is_free n = false -> value free vals n = value free' vals n.
Proof. destruct n; simpl; try reflexivity. discriminate. Qed.

Lemma equations_value free g gv i n : equations s syms x x' g gv -> nth_error g i = Some n -> is_free n = false ->
  nth i gv [] = value free gv n.
Proof.
  intros (_ & E) H F. destruct (E i n H) as [_ V]. rewrite (value_free_any free (fun _ => [])) by exact F.
  destruct n; simpl in *; try exact V. discriminate.
Qed.

(** The graph and a valuation of it grow by a node. *)
Lemma equations_snoc g rs gv free p v : graph_good s g rs -> node_good s g rs (length g) p ->
  equations s syms x x' g gv -> v = value free gv p -> length v = node_size p ->
  equations s syms x x' (g ++ [p]) (gv ++ [v]).
Proof.
  intros (_ & G) P (L & E) V Lv. split; [rewrite !app_length; simpl; lia|]. intros i n H.
  apply nth_error_snoc in H as [H | [-> <-]].
  - pose proof (error_lt _ _ _ H) as Li. rewrite app_nth1 by lia. destruct (E i n H) as [Ln En]. split; [exact Ln|].
    destruct n; try exact En; rewrite (value_snoc g rs i) by (try apply (G _ _ H); try reflexivity; lia); exact En.
  - rewrite <- L, nth_snoc. split; [exact Lv|]. destruct p; try exact I; rewrite V;
      try (rewrite (value_snoc g rs (length g)) by (try apply P; try reflexivity; lia)); reflexivity.
Qed.

(** What a choice must have: the size of its node. *)
Definition choices_fit (nodes : list node_words) (from : nat) (free : nat -> list R) : Prop :=
  forall i size u, nth_error nodes i = Some (WFree size u) -> length (free (from + i)) = size.

(** [a] has the size of all inputs. *)
Definition input_fits (g : list node_words) (a : list R) : Prop :=
  forall size second, In (WInput size second) g -> length a = size.

Lemma value_length g rs gv free p : node_good s g rs (length g) p -> equations s syms x x' g gv ->
  (forall size second, p = WInput size second -> length x = size /\ length x' = size) ->
  (forall size u, p = WFree size u -> length (free (length gv)) = size) ->
  length (value free gv p) = node_size p.
Proof.
  intros [_ G] (L & E) Hi Hf. destruct p as [size second | size terms bias times | size u | size u]; simpl in *.
  - destruct (Hi size second eq_refl). destruct second; assumption.
  - rewrite map_length. apply seq_length.
  - destruct G as (Lu & <-). rewrite map_length.
    apply (E u (nth u g (WRelu 0 0))), nth_error_nth', Lu.
  - apply (Hf size u eq_refl).
Qed.

End Values.

(** ** Merging a network *)

Definition merged_good (s : store) (m : merged) : Prop :=
  graph_good s (mg_nodes m) (mg_roles m) /\ below (mg_nodes m) (mg_local m).

(** The step of [merge]. *)
Definition merge_step (p : node_words) (m : merged) : merged :=
  match find_node p 0 (mg_nodes m) with
  | Some i => {| mg_nodes := mg_nodes m; mg_roles := mg_roles m; mg_local := mg_local m ++ [i] |}
  | None => {| mg_nodes := mg_nodes m ++ [p]; mg_roles := mg_roles m ++ [node_roles (mg_roles m) p];
               mg_local := mg_local m ++ [List.length (mg_nodes m)] |}
  end.

Lemma merge_cons s n nodes m m' : merge s (n :: nodes) m = Ok m' ->
  exists p, place_node s (mg_nodes m) (mg_roles m) (mg_local m) n = Ok p /\ merge s nodes (merge_step p m) = Ok m'.
Proof. intros H. apply bind_ok in H as (p & P & H). exists p. auto. Qed.

(** A graph only grows. *)
Lemma merge_step_extends p m : exists more, mg_nodes (merge_step p m) = mg_nodes m ++ more.
Proof. unfold merge_step. destruct (find_node _ _ _); [exists []; rewrite app_nil_r | exists [p]]; reflexivity. Qed.

Lemma merge_extends s : forall nodes m m', merge s nodes m = Ok m' -> exists more, mg_nodes m' = mg_nodes m ++ more.
Proof.
  induction nodes as [|n nodes IH]; intros m m' H.
  - injection H as <-. exists []. rewrite app_nil_r. reflexivity.
  - apply merge_cons in H as (p & _ & H). apply IH in H as (more & ->).
    destruct (merge_step_extends p m) as (more' & ->). exists (more' ++ more). rewrite app_assoc. reflexivity.
Qed.

Lemma below_app g more l : below g l -> below (g ++ more) l.
Proof. apply Forall_impl. intros i L. rewrite app_length. lia. Qed.

Lemma merge_step_good s n p m : merged_good s m ->
  place_node s (mg_nodes m) (mg_roles m) (mg_local m) n = Ok p -> merged_good s (merge_step p m).
Proof.
  intros [G B] P. destruct (place_node_ok _ _ _ _ _ _ B P) as [_ Gp]. unfold merge_step.
  destruct (find_node p 0 (mg_nodes m)) as [i|] eqn:F; split; simpl.
  - exact G.
  - apply Forall_app. split; [exact B|]. constructor; [|constructor].
    apply find_node_some in F as (_ & m' & F & _). apply error_lt in F. lia.
  - apply graph_good_snoc; assumption.
  - apply Forall_app. split; [apply below_app, B|]. constructor; [|constructor]. rewrite app_length; simpl; lia.
Qed.

Lemma merge_good s : forall nodes m m', merged_good s m -> merge s nodes m = Ok m' -> merged_good s m'.
Proof.
  induction nodes as [|n nodes IH]; intros m m' G H.
  - injection H as <-. exact G.
  - apply merge_cons in H as (p & P & H). exact (IH _ _ (merge_step_good s n p m G P) H).
Qed.

(** Every valuation of the graph so far goes on to one in which the network's values stand. *)
Lemma merge_values s syms x x' free : forall nodes m m' gv vals,
  merged_good s m -> merge s nodes m = Ok m' ->
  equations s syms x x' (mg_nodes m) gv -> stands gv (mg_local m) vals ->
  input_fits (mg_nodes m') x -> input_fits (mg_nodes m') x' -> choices_fit nodes (length vals) free ->
  exists more, equations s syms x x' (mg_nodes m') (gv ++ more)
    /\ stands (gv ++ more) (mg_local m') (evaluate s syms x x' free vals nodes).
Proof.
  induction nodes as [|n nodes IH]; intros m m' gv vals G H E S Hi Hi' Hc.
  - injection H as <-. exists []. rewrite app_nil_r. auto.
  - apply merge_cons in H as (p & P & H). pose proof (merge_step_good s n p m G P) as G'.
    destruct (place_node_ok _ _ _ _ _ _ (proj2 G) P) as [Np Gp].
    pose proof (placed_value s syms x x' free gv _ vals n p S Np) as V.
    assert (L := proj1 E). simpl evaluate. set (v := node_value s syms x x' free vals n) in *.
    assert (C : choices_fit nodes (length (vals ++ [v])) free).
    { intros i size u N. rewrite app_length, <- Nat.add_assoc. apply (Hc (1 + i) size u N). }
    assert (W : exists more, equations s syms x x' (mg_nodes (merge_step p m)) (gv ++ more)
                  /\ stands (gv ++ more) (mg_local (merge_step p m)) (vals ++ [v])).
    { destruct (merge_extends s _ _ _ H) as (rest & X). unfold merge_step in *.
      destruct (find_node p 0 (mg_nodes m)) as [i|] eqn:F; simpl in *.
      - exists []. rewrite app_nil_r. split; [exact E|]. apply Forall2_app; [exact S|]. constructor; [|constructor].
        apply find_node_some in F as (_ & q & Q & F). rewrite Nat.sub_0_r in Q.
        apply same_node_inv in F as (F & _ & K).
        assert (Fq : is_free q = false) by (destruct p, q; simpl in *; congruence).
        rewrite (equations_value s syms x x' (fun _ => free (length vals)) _ _ _ _ E Q Fq), V.
        symmetry. apply node_key_value, K.
      - assert (Lv : length v = node_size p).
        { rewrite V. apply (value_length s syms x x' _ _ gv _ _ Gp E).
          - intros size second ->.
            assert (I : In (WInput size second) (mg_nodes m')) by (rewrite X; apply in_or_app; left; apply in_elt).
            split; [apply (Hi size second I) | apply (Hi' size second I)].
          - intros size u ->. destruct n; simpl in Np; try contradiction. destruct Np as [-> _].
            rewrite <- (Nat.add_0_r (length vals)). apply (Hc 0 size0 source eq_refl). }
        exists [v]. split.
        + apply (equations_snoc s syms x x' _ (mg_roles m) gv (fun _ => free (length vals))); try assumption. apply G.
        + apply Forall2_app; [apply (stands_app (mg_nodes m)); [exact L | apply G | exact S]|].
          constructor; [|constructor]. rewrite <- L. apply nth_snoc. }
    destruct W as (more & E' & S').
    destruct (IH _ _ (gv ++ more) (vals ++ [v]) G' H E' S' Hi Hi' C) as (more' & E'' & S'').
    exists (more ++ more'). rewrite app_assoc. auto.
Qed.

(** *** Where nodes come from *)

Lemma merge_local s : forall nodes m m', merge s nodes m = Ok m' ->
  exists more, mg_local m' = mg_local m ++ more /\ length more = length nodes.
Proof.
  induction nodes as [|n nodes IH]; intros m m' H.
  - injection H as <-. exists []. rewrite app_nil_r. auto.
  - apply merge_cons in H as (p & _ & H). apply IH in H as (more & -> & L). unfold merge_step.
    destruct (find_node _ _ _); simpl; rewrite <- app_assoc; (eexists; split; [reflexivity|]; simpl; congruence).
Qed.

Lemma node_placed_app local more n p : node_placed local n p -> node_placed (local ++ more) n p.
Proof.
  assert (A : forall u a, nth_error local u = Some a -> nth_error (local ++ more) u = Some a).
  { intros u a H. rewrite nth_error_app1 by exact (error_lt _ _ _ H). exact H. }
  destruct n, p; simpl; try tauto.
  - intros (-> & -> & -> & F). repeat split.
    induction F as [|t p terms ts (E & T) F IH]; constructor; [|exact IH]. split; [apply A, E | exact T].
  - intros (-> & E). auto.
  - intros (-> & E). auto.
Qed.

(** A node of the graph was there before, or is a node of the network. *)
Lemma merge_origin s : forall nodes m m' j p, merged_good s m -> merge s nodes m = Ok m' ->
  nth_error (mg_nodes m') j = Some p ->
  nth_error (mg_nodes m) j = Some p \/
  exists i n, nth_error nodes i = Some n /\ nth_error (mg_local m') (length (mg_local m) + i) = Some j
              /\ node_placed (mg_local m') n p.
Proof.
  induction nodes as [|n nodes IH]; intros m m' j p G H N.
  - injection H as <-. left; exact N.
  - apply merge_cons in H as (q & P & H). pose proof (merge_step_good s n q m G P) as G'.
    destruct (place_node_ok _ _ _ _ _ _ (proj2 G) P) as [Np _].
    destruct (merge_local s _ _ _ H) as (more & L & _).
    assert (Ls : length (mg_local (merge_step q m)) = length (mg_local m) + 1)
      by (unfold merge_step; destruct (find_node _ _ _); apply app_length).
    destruct (IH _ _ j p G' H N) as [O | (i & k & I & J & K)].
    + unfold merge_step in O, L. destruct (find_node q 0 (mg_nodes m)) as [i|]; simpl in O, L; [left; exact O|].
      apply nth_error_snoc in O as [O | [-> ->]]; [left; exact O|]. right. exists 0, n.
      split; [reflexivity|]. rewrite L, <- app_assoc, Nat.add_0_r. split.
      * rewrite nth_error_app2, Nat.sub_diag by lia. reflexivity.
      * apply node_placed_app, Np.
    + right. exists (S i), k. split; [exact I|]. split; [|exact K].
      rewrite Ls in J. rewrite <- J. f_equal. lia.
Qed.

(** ** Values of a network *)

Lemma evaluate_before s syms x x' free : forall nodes vals i, i < length vals ->
  nth i (evaluate s syms x x' free vals nodes) [] = nth i vals [].
Proof.
  induction nodes as [|n nodes IH]; intros vals i L; simpl; [reflexivity|].
  rewrite IH by (rewrite app_length; lia). apply app_nth1, L.
Qed.

Lemma evaluate_free s syms x x' free size u : forall nodes vals i, nth_error nodes i = Some (WFree size u) ->
  nth (length vals + i) (evaluate s syms x x' free vals nodes) [] = free (length vals + i).
Proof.
  induction nodes as [|n nodes IH]; intros vals [|i] H; simpl in H; try discriminate; simpl evaluate.
  - injection H as ->. rewrite Nat.add_0_r, evaluate_before by (rewrite app_length; simpl; lia). apply nth_snoc.
  - specialize (IH (vals ++ [node_value s syms x x' free vals n]) i H).
    rewrite app_length, <- Nat.add_assoc in IH. exact IH.
Qed.

Lemma free_ok_fits s syms X net free : free_ok s syms X net free -> choices_fit (nw_nodes net) 0 free.
Proof. intros H i size u N. apply (H i size u N). Qed.
