(** *difference-gain*: how far the difference of two networks on one input can amplify a difference of inputs.

    Rule *lipschitz* for the two side by side. Spec: statements.md#difference-gain. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax semantics floats result exact.
From Certify.rules Require Import matrices.
From Certify.statements Require Import lipschitz.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := {
  layers_f : list matrix_words; slopes_f : matrix_words;
  layers_g : list matrix_words; slopes_g : matrix_words;
  limit : ratio
}.

(** ** What it says *)

Open Scope R_scope.

Definition holds (s : store) (w : words) : Prop :=
  forall (bias_f bias_g : nat -> R) (phi_f phi_g : nat -> R -> R),
  sloped s (slopes_f w) (mw_rows (slopes_f w)) phi_f ->
  sloped s (slopes_g w) (mw_rows (slopes_g w)) phi_g ->
  forall x y : nat -> R,
  let d v i := network s bias_f phi_f 0 (layers_f w) v i - network s bias_g phi_g 0 (layers_g w) v i in
  distance (outputs (layers_f w)) (d x) (d y)
    <= ratio_value (limit w) * ratio_value (limit w) * distance (inputs (layers_f w)) x y.

(** ** The check *)

Open Scope Z_scope.

(** diag(w, v) *)
Definition blocks (w v : matrix) : matrix :=
  m_above (m_beside w (m_zero (m_rows w) (m_columns v))) (m_beside (m_zero (m_rows v) (m_columns w)) v).

(** Hidden layers after the first side by side, then the difference. *)
Fixpoint inner (f g : list matrix) : list matrix :=
  match f, g with
  | [w], [v] => [m_beside w (m_opp v)]
  | w :: f', v :: g' => blocks w v :: inner f' g'
  | _, _ => []
  end.

Definition side_by_side (f g : list matrix) : list matrix :=
  match f, g with w :: f', v :: g' => m_above w v :: inner f' g' | _, _ => [] end.

(** Rows of one layer after another, those of f first: sizes are those of the hidden layers. *)
Fixpoint woven (f g : list matrix) (a b : list (list Z)) : list (list Z) :=
  match f, g with
  | w :: (_ :: _) as f', v :: (_ :: _) as g' =>
      (firstn (m_rows w) a ++ firstn (m_rows v) b ++ woven f' g' (skipn (m_rows w) a) (skipn (m_rows v) b))%list
  | _, _ => []
  end.

Definition both_slopes (f g : list matrix) (a b : matrix) : matrix :=
  {| m_rows := hidden f + hidden g; m_columns := 2;
     m_cells := woven f g (scaled_cells (m_den b) a) (scaled_cells (m_den a) b); m_den := m_den a * m_den b |}.

Definition last_rows (ws : list matrix) : nat := fold_left (fun _ w => m_rows w) ws 0%nat.
Definition first_columns (ws : list matrix) : nat := match ws with [] => 0%nat | w :: _ => m_columns w end.

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  f <- read_matrices s (layers_f w) ;;
  a <- read_matrix s (slopes_f w) ;;
  g <- read_matrices s (layers_g w) ;;
  b <- read_matrix s (slopes_g w) ;;
  _ <- need "shape" ((2 <=? length f)%nat && chained f && chained g && (length f =? length g)%nat) ;;
  _ <- need "shape" ((first_columns f =? first_columns g) && (last_rows f =? last_rows g))%nat ;;
  _ <- need "shape" ((m_rows a =? hidden f) && (m_columns a =? 2) && (m_rows b =? hidden g) && (m_columns b =? 2))%nat ;;
  gain s e (side_by_side f g) (both_slopes f g a b) (limit w).

(** ** Side by side *)

Open Scope R_scope.

Lemma grown_above w v u i : formed w -> formed v -> m_columns w = m_columns v ->
  grown (m_above w v) u i = if Nat.ltb i (m_rows w) then grown w u i else grown v u (i - m_rows w)%nat.
Proof.
  intros Fw Fv C. unfold grown.
  replace (m_columns (m_above w v)) with (m_columns w) by (unfold m_above; destruct (_ =? _)%Z; reflexivity).
  destruct (Nat.ltb i (m_rows w)) eqn:L; [|rewrite <- C];
    apply sum_ext; intros j _; rewrite value_above, L by assumption; reflexivity.
Qed.

Lemma beside_rows a b : m_rows (m_beside a b) = m_rows a.
Proof. unfold m_beside, m_above, m_transpose. simpl. destruct (_ =? _)%Z; reflexivity. Qed.

Lemma beside_columns a b : m_columns (m_beside a b) = (m_columns a + m_columns b)%nat.
Proof. unfold m_beside, m_above, m_transpose. simpl. destruct (_ =? _)%Z; reflexivity. Qed.

Lemma above_rows a b : m_rows (m_above a b) = (m_rows a + m_rows b)%nat.
Proof. unfold m_above. destruct (_ =? _)%Z; reflexivity. Qed.

Lemma above_columns a b : m_columns (m_above a b) = m_columns a.
Proof. unfold m_above. destruct (_ =? _)%Z; reflexivity. Qed.

Lemma grown_beside w v u h i : formed w -> formed v -> m_rows w = m_rows v ->
  grown (m_beside w v) (both (m_columns w) u h) i = grown w u i + grown v h i.
Proof.
  intros Fw Fv R. unfold grown. rewrite beside_columns, sum_split. apply (f_equal2 Rplus).
  - apply sum_ext. intros j Hj. rewrite value_beside, both_left by assumption. apply Nat.ltb_lt in Hj. rewrite Hj. reflexivity.
  - apply sum_ext. intros j Hj. rewrite value_beside, both_right by assumption.
    replace (Nat.ltb (m_columns w + j) (m_columns w)) with false by (symmetry; apply Nat.ltb_ge; lia).
    f_equal. f_equal. lia.
Qed.

Lemma grown_zero r c u i : grown (m_zero r c) u i = 0.
Proof. unfold grown. rewrite <- (sum_zero (m_columns (m_zero r c))). apply sum_ext. intros. rewrite value_zero. ring. Qed.

Lemma positive_sizes m : formed m -> (1 <= m_rows m)%nat /\ (1 <= m_columns m)%nat.
Proof. intros (_ & R & C & _). auto. Qed.

Lemma formed_blocks w v : formed w -> formed v -> formed (blocks w v).
Proof.
  intros Fw Fv. destruct (positive_sizes w Fw), (positive_sizes v Fv). unfold blocks. apply formed_above.
  - apply formed_beside; [exact Fw | apply formed_zero; assumption | reflexivity].
  - apply formed_beside; [apply formed_zero; assumption | exact Fv | reflexivity].
  - rewrite !beside_columns. reflexivity.
Qed.

Lemma grown_blocks w v u h i : formed w -> formed v ->
  grown (blocks w v) (both (m_columns w) u h) i
  = if Nat.ltb i (m_rows w) then grown w u i else grown v h (i - m_rows w)%nat.
Proof.
  intros Fw Fv. destruct (positive_sizes w Fw), (positive_sizes v Fv). unfold blocks.
  assert (Fz : formed (m_zero (m_rows w) (m_columns v))) by (apply formed_zero; assumption).
  assert (Fz' : formed (m_zero (m_rows v) (m_columns w))) by (apply formed_zero; assumption).
  rewrite grown_above, beside_rows.
  - rewrite grown_beside by (try assumption; reflexivity). rewrite grown_zero.
    change (m_columns w) with (m_columns (m_zero (m_rows v) (m_columns w))) at 2.
    rewrite grown_beside by (try assumption; reflexivity). rewrite grown_zero.
    destruct (Nat.ltb i (m_rows w)); ring.
  - apply formed_beside; [exact Fw | exact Fz | reflexivity].
  - apply formed_beside; [exact Fz' | exact Fv | reflexivity].
  - rewrite !beside_columns. reflexivity.
Qed.

(** Numbers of the neurons of two chains, layer by layer, those of f first. *)
Fixpoint order (f g : list matrix) (a b : nat -> R) : nat -> R :=
  match f, g with
  | w :: (_ :: _) as f', v :: (_ :: _) as g' =>
      both (m_rows w) a (both (m_rows v) b
        (order f' g' (fun i => a (m_rows w + i)%nat) (fun i => b (m_rows v + i)%nat)))
  | _, _ => a
  end.

Lemma order_cons w w' f v v' g a b : order (w :: w' :: f) (v :: v' :: g) a b =
  both (m_rows w) a (both (m_rows v) b
    (order (w' :: f) (v' :: g) (fun i => a (m_rows w + i)%nat) (fun i => b (m_rows v + i)%nat))).
Proof. reflexivity. Qed.

Lemma woven_cons w w' f v v' g A B : woven (w :: w' :: f) (v :: v' :: g) A B =
  (firstn (m_rows w) A ++ firstn (m_rows v) B
   ++ woven (w' :: f) (v' :: g) (skipn (m_rows w) A) (skipn (m_rows v) B))%list.
Proof. reflexivity. Qed.

Lemma both_ext n u u' v v' i : (forall j, u j = u' j) -> (forall j, v j = v' j) -> both n u v i = both n u' v' i.
Proof. intros H K. unfold both. destruct (Nat.ltb i n); auto. Qed.

Lemma order_ext : forall f g a a' b b' i, (forall j, a j = a' j) -> (forall j, b j = b' j) ->
  order f g a b i = order f g a' b' i.
Proof.
  induction f as [|w f IH]; intros g a a' b b' i H K; [apply H|].
  destruct f as [|w' f], g as [|v [|v' g]]; try apply H. rewrite !order_cons.
  apply both_ext; [exact H|]. intros j. apply both_ext; [exact K|]. intros k. apply IH; intros; auto.
Qed.

Lemma order_scale k : forall f g a b i, order f g a b i * k = order f g (fun j => a j * k) (fun j => b j * k) i.
Proof.
  induction f as [|w f IH]; intros g a b i; [reflexivity|].
  destruct f as [|w' f], g as [|v [|v' g]]; try reflexivity. rewrite !order_cons. unfold both at 1 3.
  destruct (Nat.ltb i (m_rows w)); [reflexivity|]. unfold both. destruct (Nat.ltb _ (m_rows v)); [reflexivity|]. apply IH.
Qed.

Lemma inner_nonempty f g : length f = length g -> f <> [] -> inner f g <> [].
Proof. destruct f as [|w [|w' f]], g as [|v [|v' g]]; simpl; intros; congruence. Qed.

Lemma inner_cons w w' f v v' g : inner (w :: w' :: f) (v :: v' :: g) = blocks w v :: inner (w' :: f) (v' :: g).
Proof. reflexivity. Qed.

Lemma blocks_rows w v : m_rows (blocks w v) = (m_rows w + m_rows v)%nat.
Proof. unfold blocks. rewrite above_rows, !beside_rows. reflexivity. Qed.

(** A hidden layer of both: neurons of f, then those of g. *)
Lemma layer_between w v a b a' b' c c' z z' h h' y i :
  (forall j, (j < m_rows w)%nat -> between (a j) (b j) (z j) (h j)) ->
  (forall j, (j < m_rows v)%nat -> between (a' j) (b' j) (z' j) (h' j)) ->
  (i < m_rows w + m_rows v)%nat ->
  y = (if Nat.ltb i (m_rows w) then z i else z' (i - m_rows w)%nat) ->
  between (both (m_rows w) a (both (m_rows v) a' c) i) (both (m_rows w) b (both (m_rows v) b' c') i)
    y (both (m_rows w) h h' i).
Proof.
  intros P Q Hi ->. unfold both. destruct (Nat.ltb i (m_rows w)) eqn:L.
  - apply Nat.ltb_lt in L. apply P. exact L.
  - apply Nat.ltb_ge in L. replace (Nat.ltb (i - m_rows w) (m_rows v)) with true by (symmetry; apply Nat.ltb_lt; lia).
    apply Q. lia.
Qed.

Lemma both_beyond n m a b c i : both n a (both m b c) (n + m + i)%nat = c i.
Proof. rewrite <- Nat.add_assoc, !both_right. reflexivity. Qed.

Lemma inner_reaches : forall f g a b a' b' u h o o',
  length f = length g -> f <> [] -> Forall formed f -> Forall formed g ->
  chained f = true -> chained g = true -> ends f = ends g ->
  reaches a b 0 f u o -> reaches a' b' 0 g h o' ->
  reaches (order f g a a') (order f g b b') 0 (inner f g) (both (begins f) u h) (fun i => o i - o' i).
Proof.
  induction f as [|w f IH]; intros g a b a' b' u h o o' L N Ff Fg Cf Cg E Gf Gg; [contradiction|].
  destruct g as [|v g]; [discriminate|]. apply Forall_cons_iff in Ff. apply Forall_cons_iff in Fg.
  destruct Ff as (Fw & Ff), Fg as (Fv & Fg). destruct f as [|w' f], g as [|v' g]; try discriminate.
  - unfold ends in E. simpl in E. cbn [inner]. intros i Hi. rewrite beside_rows in Hi. cbn [begins].
    rewrite grown_beside; [|exact Fw | apply formed_opp; exact Fv | exact E].
    simpl in Gf, Gg. rewrite Gf by exact Hi. rewrite Gg by (rewrite <- E; exact Hi).
    unfold Rminus. f_equal. unfold grown. rewrite <- sum_opp. apply sum_ext. intros j _. rewrite value_opp. ring.
  - cbn [chained] in Cf, Cg. apply andb_true_iff in Cf. apply andb_true_iff in Cg.
    destruct Cf as (Cw & Cf), Cg as (Cv & Cg). apply Nat.eqb_eq in Cw. apply Nat.eqb_eq in Cv.
    destruct Gf as (x & Px & Gf), Gg as (y & Py & Gg). rewrite inner_cons. apply reaches_cons.
    + apply inner_nonempty; [simpl in L |- *; lia | discriminate].
    + exists (both (m_rows w) x y). split.
      * intros i Hi. rewrite blocks_rows in Hi. rewrite !order_cons. cbn [begins Nat.add].
        apply (layer_between w v a b a' b' _ _ (grown w u) (grown v h)); try assumption.
        apply grown_blocks; assumption.
      * rewrite <- Cw. change (m_columns w') with (begins (w' :: f)).
        apply (reaches_ext _ (order (w' :: f) (v' :: g) (fun i => a (m_rows w + i)%nat) (fun i => a' (m_rows v + i)%nat))
                             (order (w' :: f) (v' :: g) (fun i => b (m_rows w + i)%nat) (fun i => b' (m_rows v + i)%nat)) _ _ 0%nat).
        -- intros i _. rewrite blocks_rows. rewrite !order_cons. cbn [Nat.add]. rewrite !both_beyond. auto.
        -- apply IH; auto; try discriminate.
           ++ refine (reaches_ext _ _ _ _ _ _ _ _ _ _ Gf). intros i _. auto.
           ++ refine (reaches_ext _ _ _ _ _ _ _ _ _ _ Gg). intros i _. auto.
Qed.

Lemma side_by_side_reaches f g a b a' b' u o o' :
  (2 <= length f)%nat -> length f = length g -> Forall formed f -> Forall formed g ->
  chained f = true -> chained g = true -> ends f = ends g -> begins f = begins g ->
  reaches a b 0 f u o -> reaches a' b' 0 g u o' ->
  reaches (order f g a a') (order f g b b') 0 (side_by_side f g) u (fun i => o i - o' i).
Proof.
  intros M L Ff Fg Cf Cg E B Gf Gg.
  destruct f as [|w [|w' f]]; [simpl in M; lia | simpl in M; lia|].
  destruct g as [|v [|v' g]]; [discriminate | discriminate|].
  apply Forall_cons_iff in Ff. apply Forall_cons_iff in Fg. destruct Ff as (Fw & Ff), Fg as (Fv & Fg).
  cbn [chained] in Cf, Cg. apply andb_true_iff in Cf. apply andb_true_iff in Cg.
  destruct Cf as (Cw & Cf), Cg as (Cv & Cg). apply Nat.eqb_eq in Cw. apply Nat.eqb_eq in Cv.
  destruct Gf as (x & Px & Gf), Gg as (y & Py & Gg). unfold side_by_side. apply reaches_cons.
  - apply inner_nonempty; [simpl in L |- *; lia | discriminate].
  - exists (both (m_rows w) x y). split.
    + intros i Hi. rewrite above_rows in Hi. rewrite !order_cons. cbn [Nat.add].
      apply (layer_between w v a b a' b' _ _ (grown w u) (grown v u)); try assumption.
      apply grown_above; assumption.
    + rewrite <- Cw. change (m_columns w') with (begins (w' :: f)).
      apply (reaches_ext _ (order (w' :: f) (v' :: g) (fun i => a (m_rows w + i)%nat) (fun i => a' (m_rows v + i)%nat))
                           (order (w' :: f) (v' :: g) (fun i => b (m_rows w + i)%nat) (fun i => b' (m_rows v + i)%nat)) _ _ 0%nat).
      * intros i _. rewrite above_rows. rewrite !order_cons. cbn [Nat.add]. rewrite !both_beyond. auto.
      * apply inner_reaches; auto; try discriminate.
        -- refine (reaches_ext _ _ _ _ _ _ _ _ _ _ Gf). intros i _. auto.
        -- refine (reaches_ext _ _ _ _ _ _ _ _ _ _ Gg). intros i _. auto.
Qed.

(** ** Slopes of both *)

Lemma woven_cells j : forall f g A B i, length f = length g -> length A = hidden f -> length B = hidden g ->
  (i < hidden f + hidden g)%nat ->
  IZR (cell (woven f g A B) i j) = order f g (fun i => IZR (cell A i j)) (fun i => IZR (cell B i j)) i.
Proof.
  induction f as [|w f IH]; intros g A B i L LA LB Hi; [destruct g; [simpl in Hi; lia | discriminate]|].
  destruct f as [|w' f], g as [|v [|v' g]]; try discriminate; [simpl in Hi; lia|].
  rewrite woven_cons, order_cons. rewrite !hidden_cons in *.
  unfold cell at 1. unfold both at 1. destruct (Nat.ltb i (m_rows w)) eqn:T.
  - apply Nat.ltb_lt in T. rewrite app_nth1 by (rewrite firstn_length_le; lia).
    rewrite nth_firstn by exact T. reflexivity.
  - apply Nat.ltb_ge in T. rewrite app_nth2; rewrite firstn_length_le by lia; [|exact T].
    unfold both. destruct (Nat.ltb (i - m_rows w) (m_rows v)) eqn:T'.
    + apply Nat.ltb_lt in T'. rewrite app_nth1 by (rewrite firstn_length_le; lia).
      rewrite nth_firstn by exact T'. reflexivity.
    + apply Nat.ltb_ge in T'. rewrite app_nth2; rewrite firstn_length_le by lia; [|exact T'].
      fold (cell (woven (w' :: f) (v' :: g) (skipn (m_rows w) A) (skipn (m_rows v) B)) (i - m_rows w - m_rows v) j).
      rewrite IH; [|simpl in L |- *; lia | rewrite skipn_length; lia | rewrite skipn_length; lia | lia].
      apply order_ext; intros k; unfold cell; rewrite nth_skipped; reflexivity.
Qed.

Lemma woven_formed c : forall f g A B, length f = length g -> length A = hidden f -> length B = hidden g ->
  Forall (fun r : list Z => length r = c) A -> Forall (fun r : list Z => length r = c) B ->
  length (woven f g A B) = (hidden f + hidden g)%nat /\ Forall (fun r => length r = c) (woven f g A B).
Proof.
  induction f as [|w f IH]; intros g A B L LA LB FA FB; [destruct g; [split; [reflexivity | constructor] | discriminate]|].
  destruct f as [|w' f], g as [|v [|v' g]]; try discriminate; [split; [reflexivity | constructor]|].
  rewrite woven_cons. rewrite !hidden_cons in *. rewrite <- (firstn_skipn (m_rows w) A) in FA. rewrite <- (firstn_skipn (m_rows v) B) in FB.
  apply Forall_app in FA. apply Forall_app in FB. destruct FA as (FA & FA'), FB as (FB & FB').
  destruct (IH (v' :: g) (skipn (m_rows w) A) (skipn (m_rows v) B)) as (Len & All);
    [simpl in L |- *; lia | rewrite skipn_length; lia | rewrite skipn_length; lia | assumption | assumption|].
  split; [rewrite !app_length, Len, !firstn_length_le by lia; lia|].
  apply Forall_app. split; [exact FA|]. apply Forall_app. split; [exact FB | exact All].
Qed.

Lemma scaled_shape k m c : formed m -> m_columns m = c ->
  length (scaled_cells k m) = m_rows m /\ Forall (fun r => length r = c) (scaled_cells k m).
Proof.
  intros (_ & _ & _ & L & F) C. subst c. unfold scaled_cells. destruct (k =? 1)%Z; [auto|].
  rewrite map_length. split; [exact L|]. rewrite Forall_forall in *. intros r H. apply in_map_iff in H.
  destruct H as (r' & <- & H). rewrite map_length. apply F. exact H.
Qed.

Lemma cell_scaled k m i j : cell (scaled_cells k m) i j = (k * cell (m_cells m) i j)%Z.
Proof.
  unfold scaled_cells. destruct (Z.eqb_spec k 1) as [-> | _]; [lia|]. unfold cell.
  change (@nil Z) with (map (Z.mul k) []) at 1. rewrite (map_nth (map (Z.mul k))). apply nth_mul.
Qed.

Lemma both_slopes_correct f g a b : length f = length g -> formed a -> formed b ->
  m_rows a = hidden f -> m_columns a = 2%nat -> m_rows b = hidden g -> m_columns b = 2%nat ->
  formed (both_slopes f g a b) /\
  forall i j, (i < hidden f + hidden g)%nat ->
  value (both_slopes f g a b) i j = order f g (fun i => value a i j) (fun i => value b i j) i.
Proof.
  intros L Fa Fb Ra Ca Rb Cb.
  destruct (scaled_shape (m_den b) a 2 Fa Ca) as (La & Sa). destruct (scaled_shape (m_den a) b 2 Fb Cb) as (Lb & Sb).
  rewrite Ra in La. rewrite Rb in Lb.
  assert (Da : (0 < m_den a)%Z) by apply Fa. assert (Db : (0 < m_den b)%Z) by apply Fb.
  destruct (woven_formed 2 f g _ _ L La Lb Sa Sb) as (Len & All). split.
  - destruct (positive_sizes a Fa). unfold formed, both_slopes; simpl. repeat split; auto; lia.
  - intros i j Hi. unfold value at 1. unfold both_slopes; simpl m_cells; simpl m_den.
    rewrite (woven_cells j f g _ _ i L La Lb Hi). unfold Rdiv. rewrite order_scale.
    apply IZR_lt in Da. apply IZR_lt in Db.
    apply order_ext; intros k; rewrite cell_scaled; unfold value; rewrite !mult_IZR; field; lra.
Qed.

Lemma side_by_side_formed f g : (2 <= length f)%nat -> length f = length g -> Forall formed f -> Forall formed g ->
  begins f = begins g -> ends f = ends g ->
  Forall formed (side_by_side f g) /\ ends (side_by_side f g) = ends f /\ begins (side_by_side f g) = begins f /\
  hidden (side_by_side f g) = (hidden f + hidden g)%nat.
Proof.
  assert (I : forall f g, length f = length g -> f <> [] -> Forall formed f -> Forall formed g -> ends f = ends g ->
    Forall formed (inner f g) /\ ends (inner f g) = ends f /\ hidden (inner f g) = (hidden f + hidden g)%nat).
  { clear. induction f as [|w f IH]; intros g L N Ff Fg E; [contradiction|].
    destruct g as [|v g]; [discriminate|]. apply Forall_cons_iff in Ff. apply Forall_cons_iff in Fg.
    destruct Ff as (Fw & Ff), Fg as (Fv & Fg). destruct f as [|w' f], g as [|v' g]; try discriminate.
    - cbn [inner]. split; [|split; [unfold ends; simpl; apply beside_rows | reflexivity]].
      constructor; [|constructor]. apply formed_beside; [exact Fw | apply formed_opp; exact Fv | exact E].
    - rewrite inner_cons. destruct (IH (v' :: g)) as (A & B & C); auto; try discriminate.
      assert (N' : inner (w' :: f) (v' :: g) <> []) by (apply inner_nonempty; [simpl in L |- *; lia | discriminate]).
      destruct (inner (w' :: f) (v' :: g)) as [|x l] eqn:Q; [contradiction|]. split; [|split].
      + constructor; [apply formed_blocks; assumption | exact A].
      + change (ends (x :: l) = ends (w' :: f)). exact B.
      + cbn [hidden] in C |- *. rewrite blocks_rows. lia. }
  intros M L Ff Fg B E. destruct f as [|w [|w' f]]; [simpl in M; lia | simpl in M; lia|].
  destruct g as [|v [|v' g]]; [discriminate | discriminate|].
  apply Forall_cons_iff in Ff. apply Forall_cons_iff in Fg. destruct Ff as (Fw & Ff), Fg as (Fv & Fg).
  unfold side_by_side. destruct (I (w' :: f) (v' :: g)) as (A & E' & H); auto; try discriminate.
  assert (N' : inner (w' :: f) (v' :: g) <> []) by (apply inner_nonempty; [simpl in L |- *; lia | discriminate]).
  destruct (inner (w' :: f) (v' :: g)) as [|x l] eqn:Q; [contradiction|]. repeat split.
  - constructor; [apply formed_above; assumption | exact A].
  - exact E'.
  - cbn [begins]. apply above_columns.
  - cbn [hidden] in H |- *. rewrite above_rows. lia.
Qed.

Theorem difference_gain_correct s w e : check s w e = Ok tt -> holds s w.
Proof.
  unfold check. intros H.
  apply bind_ok in H. destruct H as (f & Hf & H). apply bind_ok in H. destruct H as (a & Ha & H).
  apply bind_ok in H. destruct H as (g & Hg & H). apply bind_ok in H. destruct H as (b & Hb & H).
  apply bind_ok in H. destruct H as (u1 & S1 & H). apply bind_ok in H. destruct H as (u2 & S2 & H).
  apply bind_ok in H. destruct H as (u3 & S3 & H). apply need_ok in S1. apply need_ok in S2. apply need_ok in S3.
  repeat match goal with Q : (_ && _ = true)%bool |- _ => apply andb_true_iff in Q; destruct Q end.
  repeat match goal with
  | Q : (_ =? _)%nat = true |- _ => apply Nat.eqb_eq in Q
  | Q : (2 <=? _)%nat = true |- _ => apply Nat.leb_le in Q
  end.
  apply read_all in Hf. apply read_all in Hg.
  pose proof (read_matrix_correct s _ _ Ha : reads s (slopes_f w) a) as Va.
  pose proof (read_matrix_correct s _ _ Hb : reads s (slopes_g w) b) as Vb.
  pose proof (all_formed _ _ _ Hf) as Ff. pose proof (all_formed _ _ _ Hg) as Fg.
  assert (E : ends f = ends g) by assumption. assert (B : begins f = begins g) by assumption.
  destruct (side_by_side_formed f g) as (Fs & Es & Bs & Hs); auto.
  destruct (both_slopes_correct f g a b) as (Fo & Vo); try assumption; try apply Va; try apply Vb.
  intros bias_f bias_g phi_f phi_g Pf Pg x y d. unfold distance, d.
  rewrite (ends_reads _ _ _ Hf), (begins_reads _ _ _ Hf), <- Es, <- Bs.
  set (of' := fun i => network s bias_f phi_f 0 (layers_f w) x i - network s bias_f phi_f 0 (layers_f w) y i).
  set (og := fun i => network s bias_g phi_g 0 (layers_g w) x i - network s bias_g phi_g 0 (layers_g w) y i).
  apply (Rle_trans _ (squares (ends (side_by_side f g)) (fun i => of' i - og i))).
  { right. unfold squares. apply sum_ext. intros i _. unfold of', og. ring. }
  refine (gain_correct s e _ _ (limit w) H Fs Fo (fun i => x i - y i) _ _).
  apply (reaches_ext _ (order f g (fun i => value a i 0) (fun i => value b i 0))
                       (order f g (fun i => value a i 1) (fun i => value b i 1)) _ _ 0%nat).
  - intros i Hi. rewrite Hs in Hi. simpl. rewrite !Vo by exact Hi. auto.
  - apply side_by_side_reaches; auto.
    + apply network_reaches; [exact Hf | destruct f; [simpl in *; lia | discriminate]|].
      intros i c k Hi. apply (sloped_between s (slopes_f w) a phi_f Va); auto. simpl. lia.
    + apply network_reaches; [exact Hg | destruct g; [simpl in *; lia | discriminate]|].
      intros i c k Hi. apply (sloped_between s (slopes_g w) b phi_g Vb); auto. simpl. lia.
Qed.
