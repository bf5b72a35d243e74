(** Buildings: what the lines of a plan leave behind, whatever the values of the nodes are. Spec: format.md#proof. *)
From Coq Require Import ZArith Reals List Bool Lia.
From Certify Require Import vectors syntax floats maps map_rules map_differences plans semantics result graph elaborate.
Import ListNotations.

(** ** The graph *)

(** What the reader of networks has checked. *)
Record graph_shapes (s : store) (gr : graph) : Prop := {
  shapes_f : Forall (fun i => (i < length (gr_nodes gr))%nat) (gr_f gr);
  shapes_g : forall l, gr_g gr = Some l -> Forall (fun i => (i < length (gr_nodes gr))%nat) l;
  shapes_affine : forall i size terms bias times, nth_error (gr_nodes gr) i = Some (WAffine size terms bias times) ->
    bias_ok s size bias times = true /\
    forall t, In t terms -> (0 < tw_den t)%Z /\
      map_shape s (size_at (gr_nodes gr) (tw_source t)) (tw_map t) = Some (size_at (gr_nodes gr) (tw_source t), size)
}.

(** ** Sources are earlier blocks *)

Lemma earlier_from_snoc b blocks : forall n, earlier_from n (blocks ++ [b])
  = (earlier_from n blocks && forallb (fun s => Nat.ltb s (n + length blocks)) (sources b))%bool.
Proof.
  induction blocks as [|b0 blocks IH]; intros n; simpl.
  - rewrite Nat.add_0_r, andb_true_r. reflexivity.
  - rewrite IH, <- andb_assoc, <- Nat.add_succ_comm. reflexivity.
Qed.

Lemma earlier_from_nth blocks : forall n, earlier_from n blocks = true -> forall b, (b < length blocks)%nat ->
  forallb (fun s => Nat.ltb s (n + b)) (sources (nth b blocks no_block)) = true.
Proof.
  induction blocks as [|b0 blocks IH]; intros n E [|b] L; simpl in *; try lia; apply andb_prop in E as [E1 E2].
  - rewrite Nat.add_0_r. exact E1.
  - rewrite <- Nat.add_succ_comm. apply IH; [exact E2 | lia].
Qed.

Lemma fewer_sources m n (l : list nat) : (m <= n)%nat -> forallb (fun s => Nat.ltb s m) l = true ->
  forallb (fun s => Nat.ltb s n) l = true.
Proof.
  intros L. rewrite !forallb_forall. intros F s I. specialize (F s I). apply Nat.ltb_lt in F. apply Nat.ltb_lt. lia.
Qed.

(** ** What is known of a building *)

Definition has_node (bu : building) (b n : nat) : Prop := nth_error (bu_nodes bu) b = Some (Some n).

Section Static.

Variable ct : context.

(** The block of a node. *)
Definition node_fits (bu : building) (b : block) (n : nat) : Prop :=
  (n < length (gr_nodes (ct_graph ct)))%nat /\ bk_size b = node_size (node_of ct n) /\ bk_delta b = 0%Z /\
  match node_of ct n with
  | WInput _ second => bk_kind b = KInput second
  | WRelu _ u => exists c, bk_kind b = KRelu c /\ has_node bu c u /\ scale_at bu c = bk_scale b
  | WFree _ u => exists c, bk_kind b = KFree c /\ has_node bu c u /\ scale_at bu c = bk_scale b
  | WAffine _ _ _ _ => exists r, bk_kind b = KAffine r
  end.

(** A selection is that of its key and goes from [coarse] entries to [fine]. *)
Definition selection_fits (key : option nat) (sigma : option (list Z)) (fine coarse : nat) : Prop :=
  match key, sigma with
  | None, None => fine = coarse
  | Some t, Some l => integers (tensor_at (ct_store ct) t) = Some l /\ length l = fine
                      /\ Forall (fun i => (-1 <= i < Z.of_nat coarse)%Z) l
  | _, _ => False
  end.

Definition blk (bu : building) (b : nat) : block := nth b (bu_blocks bu) no_block.

(** The block of a difference. *)
Definition pair_fits (bu : building) (b : block) (key : option nat) : Prop :=
  exists u w sigma nu nw, pair_of b = Some (u, w, sigma) /\ u <> w /\ has_node bu u nu /\ has_node bu w nw
    /\ scale_at bu w = scale_at bu u /\ (bk_scale b = scale_at bu u + bk_delta b)%Z /\ (0 <= bk_delta b)%Z
    /\ bk_size b = bk_size (blk bu u) /\ selection_fits key sigma (bk_size b) (bk_size (blk bu w))
    /\ match bk_kind b with
       | KPairRelu _ _ _ inner x y =>
           (inner < length (bu_blocks bu))%nat /\ bk_kind (blk bu u) = KRelu x /\ bk_kind (blk bu w) = KRelu y
           /\ pair_of (blk bu inner) = Some (x, y, sigma) /\ bk_scale (blk bu inner) = bk_scale b
       | _ => True
       end.

Definition fits (bu : building) (b : block) (node key : option nat) : Prop :=
  match node with Some n => node_fits bu b n /\ key = None | None => pair_fits bu b key end.

Record built (bu : building) : Prop := {
  built_nodes : length (bu_nodes bu) = length (bu_blocks bu);
  built_keys : length (bu_keys bu) = length (bu_blocks bu);
  built_earlier : earlier (bu_blocks bu) = true;
  built_at : forall n b, lookup n (bu_at bu) = Some b <-> has_node bu b n;
  built_fits : forall b, (b < length (bu_blocks bu))%nat ->
    fits bu (blk bu b) (nth b (bu_nodes bu) None) (nth b (bu_keys bu) None)
}.

Lemma has_node_length bu b n : built bu -> has_node bu b n -> (b < length (bu_blocks bu))%nat.
Proof. intros B H. rewrite <- (built_nodes _ B). apply nth_error_Some. unfold has_node in H. congruence. Qed.

Lemma has_node_nth bu b n : has_node bu b n -> nth b (bu_nodes bu) None = Some n.
Proof. intros H. apply nth_error_nth, H. Qed.

(** *** Blocks that are there stay what they are *)

Section Add.

Variables (bu : building) (b : block) (node key : option nat).
Let bu' := add_block bu b node key.

Lemma blk_add c : (c < length (bu_blocks bu))%nat -> blk bu' c = blk bu c.
Proof. intros L. unfold blk, bu'; simpl. apply app_nth1, L. Qed.

Lemma scale_at_add c : (c < length (bu_blocks bu))%nat -> scale_at bu' c = scale_at bu c.
Proof. intros L. unfold scale_at. f_equal. exact (blk_add c L). Qed.

Lemma has_node_add c n : has_node bu c n -> has_node bu' c n.
Proof.
  unfold has_node, bu'; simpl. intros H. rewrite nth_error_app1; [exact H|]. apply nth_error_Some. congruence.
Qed.

Hypothesis ok : built bu.

Lemma fits_add c o k : fits bu c o k -> fits bu' c o k.
Proof.
  destruct o as [n|]; simpl.
  - intros ((H1 & H2 & H3 & H4) & H5). split; [|exact H5]. split; [exact H1|]. split; [exact H2|]. split; [exact H3|].
    destruct (node_of ct n); try exact H4; destruct H4 as (d & K & N & S); exists d;
      rewrite (scale_at_add d (has_node_length _ _ _ ok N)); auto using has_node_add.
  - intros (u & w & sigma & nu & nw & P & D & Nu & Nw & S1 & S2 & S3 & S4 & S5 & R).
    pose proof (has_node_length _ _ _ ok Nu) as Lu. pose proof (has_node_length _ _ _ ok Nw) as Lw.
    exists u, w, sigma, nu, nw. rewrite !scale_at_add, !blk_add by assumption.
    repeat (split; [first [assumption | apply has_node_add; assumption]|]).
    destruct (bk_kind c); try exact R. destruct R as (L & R). rewrite (blk_add inner L). split; [|exact R].
    unfold bu'; simpl. rewrite app_length. lia.
Qed.

Lemma built_add : fits bu b node key -> forallb (fun s => Nat.ltb s (length (bu_blocks bu))) (sources b) = true ->
  (forall n, node = Some n -> lookup n (bu_at bu) = None) -> built bu'.
Proof.
  intros F S A. destruct ok as [N K E At Fi]. constructor.
  - unfold bu'; simpl. rewrite !app_length; simpl. lia.
  - unfold bu'; simpl. rewrite !app_length; simpl. lia.
  - unfold bu', earlier; simpl. rewrite earlier_from_snoc. apply andb_true_intro. split; [exact E | exact S].
  - intros n c. destruct (Nat.lt_trichotomy c (length (bu_blocks bu))) as [L | [-> | L]].
    + assert (H : has_node bu' c n <-> has_node bu c n).
      { unfold has_node, bu'; simpl. rewrite nth_error_app1 by lia. reflexivity. }
      rewrite H, <- At. unfold bu'; simpl. destruct node as [m|]; simpl; [|reflexivity].
      destruct (Nat.eqb_spec m n) as [-> | D]; [|reflexivity]. rewrite (A n eq_refl). split; [|discriminate].
      intros I. injection I. lia.
    + unfold has_node, bu'; simpl. rewrite nth_error_app2, N, Nat.sub_diag by lia. simpl.
      assert (O : lookup n (bu_at bu) = Some (length (bu_blocks bu)) -> False).
      { intros I. apply At, (has_node_length _ _ _ ok) in I. lia. }
      destruct node as [m|]; simpl; [|split; [intros I; destruct (O I) | discriminate]].
      destruct (Nat.eqb_spec m n) as [-> | D]; [split; reflexivity|]. split; [intros I; destruct (O I) | congruence].
    + assert (H : ~ has_node bu' c n).
      { unfold has_node, bu'; simpl. rewrite nth_error_app2 by lia.
        intros I. destruct (c - length (bu_nodes bu))%nat as [|k] eqn:Ek; [lia|]. destruct k; discriminate. }
      split; [|intros I; destruct (H I)]. unfold bu'; simpl.
      assert (O : lookup n (bu_at bu) = Some c -> False).
      { intros I. apply At, (has_node_length _ _ _ ok) in I. lia. }
      destruct node as [m|]; simpl; [|intros I; destruct (O I)].
      destruct (Nat.eqb m n); [intros I; injection I; lia | intros I; destruct (O I)].
  - intros c L. unfold bu' in L; simpl in L. rewrite app_length in L; simpl in L.
    destruct (Nat.eq_dec c (length (bu_blocks bu))) as [-> | D].
    + unfold blk, bu' at 2 3 4; simpl. rewrite !app_nth2 by lia. rewrite N, K, Nat.sub_diag. apply fits_add, F.
    + assert (L' : (c < length (bu_blocks bu))%nat) by lia. rewrite blk_add by exact L'. unfold bu' at 2 3; simpl.
      rewrite !app_nth1 by lia. apply fits_add, Fi, L'.
Qed.

End Add.

(** *** Lines of a plan *)

(** A line that adds a block. *)
Definition extends (bu bu' : building) : Prop :=
  exists b node key, bu' = add_block bu b node key /\ fits bu b node key
    /\ forallb (fun s => Nat.ltb s (length (bu_blocks bu))) (sources b) = true
    /\ (forall n, node = Some n -> lookup n (bu_at bu) = None).

Lemma extends_built bu bu' : built bu -> extends bu bu' -> built bu'.
Proof. intros B (b & node & key & -> & F & S & A). apply built_add; assumption. Qed.

Hypothesis shapes : graph_shapes (ct_store ct) (ct_graph ct).

Lemma local_in n i at_ : nth_error (local_of ct n) i = Some at_ -> (at_ < length (gr_nodes (ct_graph ct)))%nat.
Proof.
  intros H. apply nth_error_In in H. destruct n; simpl in H.
  - pose proof (shapes_f _ _ shapes) as F. rewrite Forall_forall in F. apply F, H.
  - destruct (gr_g (ct_graph ct)) as [l|] eqn:E; [|destruct H].
    pose proof (shapes_g _ _ shapes l E) as F. rewrite Forall_forall in F. apply F, H.
Qed.

Lemma view_terms_sources bu size terms : built bu -> forall maps vs, view_terms ct bu size terms maps = Ok vs ->
  Forall (fun v => (vw_source v < length (bu_blocks bu))%nat) vs.
Proof.
  intros B. induction terms as [|t terms IH]; intros [|m maps] vs H; simpl in H; try (injection H as <-; constructor).
  apply bind_ok in H. destruct H as (f & _ & H). apply bind_ok in H. destruct H as (b & E & H). apply get_ok in E.
  apply bind_ok in H. destruct H as (rest & R & H). injection H as <-. constructor; [|apply (IH maps), R].
  simpl. apply built_at in E; [|exact B]. apply (has_node_length _ _ _ B E).
Qed.

Lemma relation_terms_sources bu scale vs n : Forall (fun v => (vw_source v < n)%nat) vs ->
  forallb (fun s => Nat.ltb s n) (map rt_source (relation_terms bu scale vs)) = true.
Proof. induction 1; simpl; [reflexivity|]. rewrite IHForall, andb_true_r. apply Nat.ltb_lt. assumption. Qed.

Lemma read_node_extends bu n i scale bu' : built bu -> read_node ct bu n i scale = Ok bu' -> extends bu bu'.
Proof.
  intros B H. unfold read_node in H. apply bind_ok in H. destruct H as (at_ & E & H). apply get_ok, local_in in E.
  apply bind_ok in H. destruct H as (u0 & A & H). apply need_ok in A. clear u0.
  destruct (lookup at_ (bu_at bu)) eqn:Eat; [discriminate|]. clear A.
  assert (A : forall m, Some at_ = Some m -> lookup m (bu_at bu) = None) by (intros m I; injection I as <-; exact Eat).
  assert (G : forall k, fits bu {| bk_kind := k; bk_size := node_size (node_of ct at_); bk_scale := scale; bk_delta := 0 |}
                             (Some at_) None <->
    match node_of ct at_ with
    | WInput _ second => k = KInput second
    | WRelu _ u => exists c, k = KRelu c /\ has_node bu c u /\ scale_at bu c = scale
    | WFree _ u => exists c, k = KFree c /\ has_node bu c u /\ scale_at bu c = scale
    | WAffine _ _ _ _ => exists r, k = KAffine r
    end).
  { intros k. unfold fits, node_fits; simpl. tauto. }
  destruct (node_of ct at_) as [size second | size terms bias times | size u | size u] eqn:En.
  - injection H as <-. eexists _, _, _. split; [reflexivity|]. split; [apply G; reflexivity|].
      split; [reflexivity | exact A].
  - apply bind_ok in H. destruct H as (vs & Ev & H). apply bind_ok in H. destruct H as (bias' & Eb & H). injection H as <-.
    eexists _, _, _. split; [reflexivity|]. split; [apply G; eexists; reflexivity|]. split; [|exact A].
    apply (relation_terms_sources bu scale vs), (view_terms_sources _ _ _ B _ _ Ev).
  - apply bind_ok in H. destruct H as (b & Eb & H). apply get_ok, (built_at _ B) in Eb.
    apply bind_ok in H. destruct H as (u0 & Es & H). apply need_ok, Z.eqb_eq in Es. injection H as <-.
    eexists _, _, _. split; [reflexivity|]. split; [apply G; exists b; auto|]. split; [|exact A].
    simpl. rewrite andb_true_r. apply Nat.ltb_lt, (has_node_length _ _ _ B Eb).
  - apply bind_ok in H. destruct H as (b & Eb & H). apply get_ok, (built_at _ B) in Eb.
    apply bind_ok in H. destruct H as (u0 & Es & H). apply need_ok, Z.eqb_eq in Es. injection H as <-.
    eexists _, _, _. split; [reflexivity|]. split; [apply G; exists b; auto|]. split; [|exact A].
    simpl. rewrite andb_true_r. apply Nat.ltb_lt, (has_node_length _ _ _ B Eb).
Qed.

Lemma block_at_ok bu b c : block_at bu b = Ok c -> (b < length (bu_blocks bu))%nat /\ c = blk bu b.
Proof.
  intros H. apply get_ok in H. split; [apply nth_error_Some; congruence|]. symmetry. apply nth_error_nth, H.
Qed.

(** What every pair line has checked. *)
Lemma read_pair_ok bu u w key scale fine coarse sigma : built bu -> read_pair ct bu u w key scale = Ok (fine, coarse,
  sigma) ->
  fine = blk bu u /\ coarse = blk bu w /\ u <> w /\ (exists n, has_node bu u n) /\ (exists n, has_node bu w n)
  /\ scale_at bu w = scale_at bu u /\ (scale_at bu u <= scale)%Z
  /\ selection_fits key sigma (bk_size fine) (bk_size coarse).
Proof.
  intros B H. unfold read_pair in H.
  apply bind_ok in H. destruct H as (f & Ef & H). apply block_at_ok in Ef as [Lf Ef].
  apply bind_ok in H. destruct H as (c & Ec & H). apply block_at_ok in Ec as [Lc Ec].
  apply bind_ok in H. destruct H as (u0 & D & H). apply need_ok in D. apply andb_prop in D as [D N].
  apply negb_true_iff, Nat.eqb_neq in D. clear u0.
  apply bind_ok in H. destruct H as (u0 & S & H). apply need_ok in S. apply andb_prop in S as [S1 S2].
  apply Z.eqb_eq in S1. apply Z.leb_le in S2. clear u0.
  assert (Q : fine = f /\ coarse = c /\ selection_fits key sigma (bk_size f) (bk_size c)).
  { destruct key as [t|].
    - apply bind_ok in H. destruct H as (l & El & H). apply bind_ok in H. destruct H as (u0 & Le & H).
      apply need_ok, Nat.eqb_eq in Le. injection H as <- <- <-. split; [reflexivity|]. split; [reflexivity|].
      unfold indices_at in El. apply bind_ok in El. destruct El as (l' & I & El). apply get_ok in I.
      apply bind_ok in El. destruct El as (u1 & R & El). apply need_ok in R. injection El as ->.
      simpl. split; [exact I|]. split; [exact Le|]. apply Forall_forall. intros i Hi.
      rewrite forallb_forall in R. specialize (R i Hi). apply andb_prop in R as [R1 R2].
      apply Z.leb_le in R1. apply Z.ltb_lt in R2. lia.
    - apply bind_ok in H. destruct H as (u0 & Le & H). apply need_ok, Nat.eqb_eq in Le. injection H as <- <- <-.
      split; [reflexivity|]. split; [reflexivity|]. exact Le. }
  destruct Q as (-> & -> & Q). subst f c.
  assert (HN : forall k, (k < length (bu_blocks bu))%nat -> nth k (bu_nodes bu) None <> None -> exists n, has_node bu k n).
  { intros k L Hk. destruct (nth k (bu_nodes bu) None) as [n|] eqn:E; [|congruence]. exists n. unfold has_node.
    rewrite <- E. apply nth_error_nth'. rewrite (built_nodes _ B). exact L. }
  split; [reflexivity|]. split; [reflexivity|]. split; [exact D|].
  split; [apply HN; [exact Lf | destruct (nth u (bu_nodes bu) None); congruence]|].
  split; [apply HN; [exact Lc | destruct (nth u (bu_nodes bu) None), (nth w (bu_nodes bu) None); congruence]|].
  unfold scale_at. fold (blk bu u) (blk bu w). split; [congruence|]. split; [congruence | exact Q].
Qed.

Lemma pair_extends bu u w key scale fine coarse sigma k : built bu ->
  read_pair ct bu u w key scale = Ok (fine, coarse, sigma) ->
  pair_of (pair_block k fine scale) = Some (u, w, sigma) ->
  forallb (fun s => Nat.ltb s (length (bu_blocks bu))) (sources (pair_block k fine scale)) = true ->
  match k with
  | KPairRelu _ _ _ inner x y =>
      (inner < length (bu_blocks bu))%nat /\ bk_kind (blk bu u) = KRelu x /\ bk_kind (blk bu w) = KRelu y
      /\ pair_of (blk bu inner) = Some (x, y, sigma) /\ bk_scale (blk bu inner) = scale
  | _ => True
  end ->
  extends bu (add_block bu (pair_block k fine scale) None key).
Proof.
  intros B H P S R. destruct (read_pair_ok _ _ _ _ _ _ _ _ B H) as (-> & -> & D & (nu & Nu) & (nw & Nw) & S1 & S2 & S3).
  eexists _, _, _. split; [reflexivity|]. split; [|split; [exact S | discriminate]].
  exists u, w, sigma, nu, nw. unfold pair_block in *; simpl in *. unfold scale_at in *. fold (blk bu u) (blk bu w) in *.
  repeat (split; [first [assumption | lia | reflexivity]|]). destruct k; auto.
Qed.

Lemma pair_sources bu u w key scale p : built bu -> read_pair ct bu u w key scale = Ok p ->
  (u < length (bu_blocks bu))%nat /\ (w < length (bu_blocks bu))%nat.
Proof.
  intros B H. destruct p as [[fine coarse] sigma]. apply read_pair_ok in H; [|exact B].
  destruct H as (_ & _ & _ & (nu & Nu) & (nw & Nw) & _). eauto using has_node_length.
Qed.

Lemma read_pair_direct_extends bu u w key scale bu' : built bu -> read_pair_direct ct bu u w key scale = Ok bu' ->
  extends bu bu'.
Proof.
  intros B H. unfold read_pair_direct in H. apply bind_ok in H. destruct H as ([[fine coarse] sigma] & E & H).
  injection H as <-. destruct (pair_sources _ _ _ _ _ _ B E) as [Lu Lw].
  apply (pair_extends _ _ _ _ _ _ _ _ _ B E); [reflexivity | | exact I].
  simpl. apply Nat.ltb_lt in Lu, Lw. rewrite Lu, Lw. reflexivity.
Qed.

Lemma option_nat_eqb_eq a b : option_nat_eqb a b = true -> a = b.
Proof. destruct a, b; simpl; intros H; try discriminate; auto. apply Nat.eqb_eq in H. congruence. Qed.

(** Only pair lines make differences. *)
Lemma pair_is_pair bu b p : built bu -> (b < length (bu_blocks bu))%nat -> pair_of (blk bu b) = Some p ->
  pair_fits bu (blk bu b) (nth b (bu_keys bu) None).
Proof.
  intros B L Po. pose proof (built_fits _ B b L) as F. destruct (nth b (bu_nodes bu) None) as [n|]; [|exact F].
  destruct F as ((_ & _ & _ & F) & _). unfold pair_of in Po.
  destruct (node_of ct n); [rewrite F in Po; discriminate|..];
    destruct F as (c & F); try (destruct F as (F & _)); rewrite F in Po; discriminate.
Qed.

(** Two selections of one key are one. *)
Lemma selection_unique key a b n m n' m' : selection_fits key a n m -> selection_fits key b n' m' -> a = b.
Proof. destruct key, a, b; simpl; try tauto. intros (A & _) (B & _). congruence. Qed.

Lemma read_pair_relu_extends bu u w key scale inner bu' : built bu ->
  read_pair_relu ct bu u w key scale inner = Ok bu' -> extends bu bu'.
Proof.
  intros B H. unfold read_pair_relu in H. apply bind_ok in H. destruct H as ([[fine coarse] sigma] & E & H).
  apply bind_ok in H. destruct H as (within_ & Ei & H). apply block_at_ok in Ei as [Li ->].
  destruct (pair_sources _ _ _ _ _ _ B E) as [Lu Lw].
  destruct (read_pair_ok _ _ _ _ _ _ _ _ B E) as (Ef & Ec & D & _ & _ & _ & _ & Se).
  destruct (bk_kind fine) as [|x| | | | |] eqn:Kf; try discriminate.
  destruct (bk_kind coarse) as [|y| | | | |] eqn:Kc; try discriminate.
  destruct (pair_of (blk bu inner)) as [[[x' y'] sigma']|] eqn:Po; [|discriminate].
  apply bind_ok in H. destruct H as (u0 & C & H). apply need_ok in C. injection H as <-.
  rewrite !andb_true_iff in C. destruct C as [[[C1 C2] C3] C4]. apply Nat.eqb_eq in C1, C2. apply Z.eqb_eq in C4.
    subst x' y'.
  apply option_nat_eqb_eq in C3.
  assert (Q : sigma' = sigma).
  { destruct (pair_is_pair _ _ _ B Li Po) as (u' & w' & s' & nu & nw & P & _ & _ & _ & _ & _ & _ & _ & S' & _).
    rewrite Po in P. injection P as <- <- <-. rewrite C3 in S'. eapply selection_unique; eassumption. }
  subst sigma'.
  assert (Lx : (x < length (bu_blocks bu))%nat /\ (y < length (bu_blocks bu))%nat).
  { pose proof (earlier_from_nth _ 0 (built_earlier _ B) inner Li) as F. unfold sources, pair_of in *.
    fold (blk bu inner) in F.
    destruct (bk_kind (blk bu inner)); try discriminate; injection Po as -> -> ->; cbn [forallb] in F;
      rewrite !andb_true_iff, !Nat.ltb_lt in F; lia. }
  destruct Lx as [Lx Ly].
  apply (pair_extends _ _ _ _ _ _ _ _ _ B E); [reflexivity | |].
  - simpl. apply Nat.ltb_lt in Lu, Lw, Li, Lx, Ly. rewrite Lu, Lw, Li, Lx, Ly. reflexivity.
  - rewrite <- Ef, <- Ec. auto.
Qed.

Lemma Forall_sources n (ts : list rterm) : Forall (fun t => (rt_source t < n)%nat) ts ->
  forallb (fun s => Nat.ltb s n) (map rt_source ts) = true.
Proof. induction 1; simpl; [reflexivity|]. rewrite IHForall, andb_true_r. apply Nat.ltb_lt. assumption. Qed.

(** *** Sources of a difference of terms *)

Definition reads_blocks (bu : building) (ts : list rterm) : Prop :=
  Forall (fun t => (rt_source t < length (bu_blocks bu))%nat) ts.
Definition views_blocks (bu : building) (vs : list viewed) : Prop :=
  Forall (fun v => (vw_source v < length (bu_blocks bu))%nat) vs.

Lemma view_sources bu b expand vs e k : built bu -> (b < length (bu_blocks bu))%nat ->
  view ct bu b expand = Ok (vs, e, k) -> views_blocks bu vs.
Proof.
  intros B L H. unfold view in H. apply bind_ok in H. destruct H as (at_ & _ & H). destruct expand.
  - destruct (node_of ct at_); try discriminate. apply bind_ok in H. destruct H as (vs' & E & H).
    apply bind_ok in H. destruct H as (beta & _ & H). injection H as <- _ _. apply (view_terms_sources _ _ _ B _ _ E).
  - injection H as <- _ _. repeat constructor. exact L.
Qed.

Lemma match_terms_sources bu scale sigma a b inner ts : (vw_source b < length (bu_blocks bu))%nat ->
  match_terms bu scale sigma a b inner = Ok ts -> reads_blocks bu ts.
Proof.
  intros L H. unfold match_terms in H. apply bind_ok in H. destruct H as (u0 & _ & H). clear u0.
  apply bind_ok in H. destruct H as ([here si] & P & H).
  assert (Here : reads_blocks bu here).
  { destruct inner as [p|].
    - apply bind_ok in P. destruct P as (pb & Ep & P). apply block_at_ok in Ep as [Lp _].
      destruct (pair_of pb) as [[[u w] s]|]; [|discriminate]. apply bind_ok in P. destruct P as (u0 & _ & P).
      injection P as <- _. repeat constructor. exact Lp.
    - apply bind_ok in P. destruct P as (u0 & _ & P). injection P as <- _. constructor. }
  apply bind_ok in H. destruct H as ([f|] & _ & H); injection H as <-; [|exact Here].
  apply Forall_app. split; [exact Here|]. repeat constructor. exact L.
Qed.

Lemma match_all_sources bu scale sigma us ws : views_blocks bu ws ->
  forall matches used_u used_w ts uu uw, match_all bu scale sigma us ws matches used_u used_w = Ok (ts, uu, uw) ->
  reads_blocks bu ts.
Proof.
  intros W. unfold views_blocks in W. rewrite Forall_forall in W.
  induction matches as [|[[i j] inner] rest IH]; simpl; intros used_u used_w ts uu uw H; [injection H as <- _ _;
    constructor|].
  apply bind_ok in H. destruct H as (a & _ & H). apply bind_ok in H. destruct H as (b & Eb & H). apply get_ok in Eb.
  apply bind_ok in H. destruct H as (u0 & _ & H). apply bind_ok in H. destruct H as (here & Eh & H).
  apply bind_ok in H. destruct H as ([[others uu'] uw'] & Eo & H). injection H as <- _ _.
  apply Forall_app. split; [|apply (IH _ _ _ _ _ Eo)].
  apply (match_terms_sources _ _ _ _ _ _ _ (W b (nth_error_In _ _ Eb)) Eh).
Qed.

Lemma unmatched_all (P : viewed -> Prop) used vs : Forall P vs -> forall k, Forall P (unmatched k used vs).
Proof. induction 1; intros k; simpl; [constructor|]. destruct (existsb _ _); auto. Qed.

Lemma negated_terms_sources bu scale sigma vs : views_blocks bu vs -> forall ts, negated_terms bu scale sigma vs = Ok ts ->
  reads_blocks bu ts.
Proof.
  induction 1 as [|v vs L V IH]; simpl; intros ts H; [injection H as <-; constructor|].
  apply bind_ok in H. destruct H as (f & _ & H). apply bind_ok in H. destruct H as (rest & R & H). injection H as <-.
  constructor; [exact L | apply IH, R].
Qed.

(** What the line of a difference of terms has made. *)
Lemma read_pair_affine_ok bu u w key scale eu ew matches bu' :
  read_pair_affine ct bu u w key scale eu ew matches = Ok bu' ->
  exists fine coarse sigma us bias_u key_u ws bias_w key_w ts used_u used_w rest all,
    read_pair ct bu u w key scale = Ok (fine, coarse, sigma)
    /\ view ct bu u eu = Ok (us, bias_u, key_u) /\ view ct bu w ew = Ok (ws, bias_w, key_w)
    /\ match_all bu scale sigma us ws matches [] [] = Ok (ts, used_u, used_w)
    /\ negated_terms bu scale sigma (unmatched 0 used_w ws) = Ok rest
    /\ (let found := ts ++ relation_terms bu scale (unmatched 0 used_u us) ++ rest in
        all = found \/ found = [] /\ exists v, In v us /\ all = [make_term bu scale (vw_map v) 0 1 (vw_source v)])
    /\ bu' = add_block bu (pair_block (KPairAffine u w sigma
         {| rl_terms := all; rl_bias := if same_bias sigma key_u key_w then None else minus_bias bias_u bias_w sigma |})
         fine scale) None key.
Proof.
  intros H. unfold read_pair_affine in H. apply bind_ok in H. destruct H as ([[fine coarse] sigma] & E & H).
  apply bind_ok in H. destruct H as ([[us bias_u] key_u] & Eu & H).
  apply bind_ok in H. destruct H as ([[ws bias_w] key_w] & Ew & H).
  apply bind_ok in H. destruct H as ([[ts used_u] used_w] & Em & H).
  apply bind_ok in H. destruct H as (rest & Er & H). apply bind_ok in H. destruct H as (all & Ea & H). injection H as <-.
  exists fine, coarse, sigma, us, bias_u, key_u, ws, bias_w, key_w, ts, used_u, used_w, rest, all.
  repeat (split; [assumption|]). split; [|reflexivity]. cbv zeta.
  destruct (ts ++ relation_terms bu scale (unmatched 0 used_u us) ++ rest) as [|t found].
  - right. split; [reflexivity|]. destruct us as [|v us]; [discriminate|]. injection Ea as <-. exists v. simpl. auto.
  - left. injection Ea as <-. reflexivity.
Qed.

Lemma read_pair_affine_extends bu u w key scale eu ew matches bu' : built bu ->
  read_pair_affine ct bu u w key scale eu ew matches = Ok bu' -> extends bu bu'.
Proof.
  intros B H. destruct (read_pair_affine_ok _ _ _ _ _ _ _ _ _ H) as
    (fine & coarse & sigma & us & bias_u & key_u & ws & bias_w & key_w & ts & used_u & used_w & rest & all &
     E & Eu & Ew & Em & Er & Ea & ->).
  destruct (pair_sources _ _ _ _ _ _ B E) as [Lu Lw].
  pose proof (view_sources _ _ _ _ _ _ B Lu Eu) as Vu. pose proof (view_sources _ _ _ _ _ _ B Lw Ew) as Vw.
  assert (R : reads_blocks bu all).
  { destruct Ea as [-> | (_ & v & I & ->)].
    - apply Forall_app. split; [apply (match_all_sources _ _ _ _ _ Vw _ _ _ _ _ _ Em)|]. apply Forall_app. split.
      + unfold reads_blocks, relation_terms. rewrite Forall_map. apply (unmatched_all _ used_u us Vu 0).
      + apply (negated_terms_sources _ _ _ _ (unmatched_all _ used_w ws Vw 0) _ Er).
    - unfold views_blocks in Vu. rewrite Forall_forall in Vu. repeat constructor. apply (Vu v I). }
  apply (pair_extends _ _ _ _ _ _ _ _ _ B E); [reflexivity | | exact I].
  simpl. apply Nat.ltb_lt in Lu, Lw. rewrite Lu, Lw. apply Forall_sources, R.
Qed.

(** *** Plans *)

(** What the lines of a plan that add blocks can make. *)
Inductive Built : building -> Prop :=
| Built_nothing : Built nothing
| Built_node bu n i scale bu' : Built bu -> read_node ct bu n i scale = Ok bu' -> Built bu'
| Built_direct bu u w key scale bu' : Built bu -> read_pair_direct ct bu u w key scale = Ok bu' -> Built bu'
| Built_relu bu u w key scale inner bu' : Built bu -> read_pair_relu ct bu u w key scale inner = Ok bu' -> Built bu'
| Built_affine bu u w key scale eu ew matches bu' : Built bu ->
    read_pair_affine ct bu u w key scale eu ew matches = Ok bu' -> Built bu'.

Lemma built_nothing : built nothing.
Proof.
  constructor; try reflexivity.
  - intros n b. unfold has_node. simpl. destruct b; split; discriminate.
  - intros b L. inversion L.
Qed.

Theorem Built_built bu : Built bu -> built bu.
Proof.
  induction 1; [apply built_nothing|..]; (eapply extends_built; [eassumption|]);
    eauto using read_node_extends, read_pair_direct_extends, read_pair_relu_extends, read_pair_affine_extends.
Qed.

(** The kind of a block tells the kind of its node. *)
Theorem kind_of_node bu b : built bu -> (b < length (bu_blocks bu))%nat ->
  match bk_kind (blk bu b) with
  | KInput second => exists n size, has_node bu b n /\ node_of ct n = WInput size second
  | KRelu c => exists n size u, has_node bu b n /\ node_of ct n = WRelu size u /\ has_node bu c u
                                /\ scale_at bu c = scale_at bu b
  | KFree c => exists n size u, has_node bu b n /\ node_of ct n = WFree size u /\ has_node bu c u
                                /\ scale_at bu c = scale_at bu b
  | KAffine _ => exists n size terms bias times, has_node bu b n /\ node_of ct n = WAffine size terms bias times
  | _ => nth b (bu_nodes bu) None = None
  end.
Proof.
  intros B L. pose proof (built_fits _ B b L) as F. destruct (nth b (bu_nodes bu) None) as [n|] eqn:E.
  - assert (N : has_node bu b n).
    { unfold has_node. rewrite <- E. apply nth_error_nth'. rewrite (built_nodes _ B). exact L. }
    destruct F as ((_ & _ & _ & F) & _). unfold scale_at. fold (blk bu b).
    destruct (node_of ct n) as [size second | size terms bias times | size u | size u] eqn:En.
    + rewrite F. eauto.
    + destruct F as (r & ->). eauto 10.
    + destruct F as (c & -> & F). eauto 10.
    + destruct F as (c & -> & F). eauto 10.
  - destruct F as (u & w & sigma & nu & nw & P & _). unfold pair_of in P.
    destruct (bk_kind (blk bu b)); try discriminate; reflexivity.
Qed.

End Static.
